// Is each function found that the running system needs, through whatever it is stacked up of?
#include "harness/agent/host_facts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

/// A machine made of files, laid out as sysfs and procfs lay theirs out.
class HostFacts : public testing::Test {
 protected:
  HostFacts() {
    write("proc/self/mountinfo", "");
    write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
  }

  void write(const std::string& file, const std::string& text) {
    ASSERT_TRUE(make_dirs((root() / file).parent_path()));
    ASSERT_TRUE(write_file(root() / file, text));
  }
  /// A symbolic link; `to` is a path from the root, the link is relative as in sysfs.
  void link(const std::string& at, const std::string& to) {
    ASSERT_TRUE(make_dirs((root() / at).parent_path()));
    fs::create_symlink(fs::relative(root() / to, (root() / at).parent_path()), root() / at);
  }
  /// A function whose folder is sys/devices/pci0000:00/<way>.
  void function(const std::string& way, const std::string& class_code = "0x020000", const std::string& ids = "") {
    const std::string bdf = fs::path(way).filename().string();
    const std::string folder = "sys/devices/pci0000:00/" + way;
    write(folder + "/class", class_code + "\n");
    write(folder + "/vendor", ids.empty() ? "0x8086\n" : std::string(split(ids, ':')[0]) + "\n");
    write(folder + "/device", ids.empty() ? "0x0001\n" : std::string(split(ids, ':')[1]) + "\n");
    link("sys/bus/pci/devices/" + bdf, folder);
  }
  /// A block device at sys/devices/<place>, with a number of its own.
  void disk(const std::string& place, const std::string& number) {
    const std::string name = fs::path(place).filename().string();
    ASSERT_TRUE(make_dirs(root() / "sys/devices" / place));
    link("sys/dev/block/" + number, "sys/devices/" + place);
    link("sys/class/block/" + name, "sys/devices/" + place);
    write("dev/" + name, "");
  }
  void part_of(const std::string& above, const std::string& below) {
    link("sys/devices/" + above + "/slaves/" + fs::path(below).filename().string(), "sys/devices/" + below);
  }
  void mount(const std::string& number, const std::string& at, const std::string& type, const std::string& source) {
    mounts_ += fmt::format("30 1 {} / {} rw,relatime shared:1 - {} {} rw\n", number, at, type, source);
    write("proc/self/mountinfo", mounts_);
  }
  void interface(const std::string& name, const std::string& place) {
    ASSERT_TRUE(make_dirs(root() / "sys/devices" / place));
    link("sys/class/net/" + name, "sys/devices/" + place);
  }
  void lower(const std::string& above, const std::string& name, const std::string& below) {
    link("sys/devices/virtual/net/" + above + "/lower_" + name, "sys/devices/" + below);
  }
  void has(const std::string& name, const std::string& address) { host_.addresses.push_back({name, address}); }

  /// "0000:01:00.0 system disk: /dev/nvme0n1p2 is mounted at /"
  std::vector<std::string> uses(const std::string& control = "") {
    std::vector<std::string> lines;
    host_.root = root();
    const auto found = look_at_host(host_, control);
    EXPECT_TRUE(found) << found.error().what;
    for (const auto& use : found ? found->uses : std::vector<wire::HostUse>{}) {
      lines.push_back(fmt::format("{} {}: {}", use.bdf, use.role, use.why));
    }
    return lines;
  }
  const fs::path& root() const { return dir_.path(); }

  TempDir dir_ = *TempDir::create("holdfast-host");
  HostView host_;
  std::string mounts_;
};

TEST_F(HostFacts, APlainDiskIsFoundThroughItsPartition) {
  function("0000:00:02.0/0000:01:00.0", "0x010802");
  function("0000:00:02.0", "0x060400");
  function("0000:00:03.0");  // and one that nobody needs
  disk("pci0000:00/0000:00:02.0/0000:01:00.0/nvme/nvme0/nvme0n1", "259:0");
  disk("pci0000:00/0000:00:02.0/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p2", "259:2");
  mount("259:2", "/", "ext4", "/dev/nvme0n1p2");
  mount("0:22", "/proc", "proc", "proc");
  EXPECT_THAT(uses(), ElementsAre("0000:01:00.0 system disk: /dev/nvme0n1p2 is mounted at /"));
}

TEST_F(HostFacts, AVolumeOnARaidIsFoundOnAllItsDisks) {
  function("0000:00:1f.2", "0x010601");
  function("0000:00:1e.0", "0x010601");
  const std::string one = "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1";
  const std::string two = "pci0000:00/0000:00:1e.0/ata9/host8/target8:0:0/8:0:0:0/block/sdb/sdb1";
  disk(one, "8:1");
  disk(two, "8:17");
  disk("virtual/block/md0", "9:0");
  disk("virtual/block/md0/md0p1", "259:7");
  write("sys/devices/virtual/block/md0/md0p1/partition", "1\n");
  disk("virtual/block/dm-0", "253:0");
  part_of("virtual/block/md0", one);
  part_of("virtual/block/md0", two);
  part_of("virtual/block/dm-0", "virtual/block/md0/md0p1");
  mount("253:0", "/home", "xfs", "/dev/mapper/vg-home");
  EXPECT_THAT(uses(), ElementsAre("0000:00:1e.0 disk: /dev/sdb1 (dm-0 md0p1 md0) is mounted at /home",
                                  "0000:00:1f.2 disk: /dev/sda1 (dm-0 md0p1 md0) is mounted at /home"));
}

TEST_F(HostFacts, SwapIsFoundByItsFile) {
  function("0000:00:05.0", "0x010802");
  disk("pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1", "259:0");
  disk("virtual/block/dm-1", "253:1");
  part_of("virtual/block/dm-1", "pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1");
  link("dev/mapper/vg-swap", "dev/dm-1");
  write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/mapper/vg-swap partition\t999\t0\t-2\n");
  EXPECT_THAT(uses(), ElementsAre("0000:00:05.0 disk: /dev/nvme0n1 (dm-1) is swap"));
}

TEST_F(HostFacts, ABtrfsIsFoundOnAllItsDisks) {
  function("0000:00:05.0", "0x010802");
  function("0000:00:06.0", "0x010802");
  disk("pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1", "259:0");
  disk("pci0000:00/0000:00:06.0/nvme/nvme1/nvme1n1", "259:1");
  link("sys/fs/btrfs/1234/devices/nvme0n1", "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1");
  link("sys/fs/btrfs/1234/devices/nvme1n1", "sys/devices/pci0000:00/0000:00:06.0/nvme/nvme1/nvme1n1");
  mount("0:27", "/", "btrfs", "/dev/nvme0n1");
  EXPECT_THAT(uses(), Contains("0000:00:05.0 system disk: /dev/nvme0n1 is mounted at /"));
  EXPECT_THAT(uses(), Contains("0000:00:06.0 system disk: /dev/nvme1n1 is mounted at /"));
}

TEST_F(HostFacts, ADiskWithSeveralPathsIsFoundOnEachController) {
  function("0000:00:05.0", "0x010802");
  function("0000:00:06.0", "0x010802");
  disk("virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "259:0");
  link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0", "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0");
  link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme1", "sys/devices/pci0000:00/0000:00:06.0/nvme/nvme1");
  ASSERT_TRUE(make_dirs(root() / "sys/devices/pci0000:00/0000:00:05.0/nvme/nvme0"));
  ASSERT_TRUE(make_dirs(root() / "sys/devices/pci0000:00/0000:00:06.0/nvme/nvme1"));
  mount("259:0", "/", "ext4", "/dev/nvme0n1");
  EXPECT_THAT(uses(), ElementsAre("0000:00:05.0 system disk: /dev/nvme0n1 is mounted at /",
                                  "0000:00:06.0 system disk: /dev/nvme0n1 is mounted at /"));
}

TEST_F(HostFacts, WhereTheRootDiskIsNotKnownItMayBeAny) {
  function("0000:00:05.0", "0x010802");
  function("0000:00:06.0", "0x010601");
  function("0000:00:07.0", "0x020000");
  mount("0:40", "/", "zfs", "rpool/root");
  const std::string why = "system disk: the root file system (zfs rpool/root) may stand on it: ";
  const std::string reason = "nothing says on what it does";
  EXPECT_THAT(uses(), ElementsAre("0000:00:05.0 " + why + reason, "0000:00:06.0 " + why + reason));
}

TEST_F(HostFacts, ARootDiskThatIsMadeOfNothingKnownMayBeAny) {
  function("0000:00:05.0", "0x010802");
  disk("virtual/block/loop0", "7:0");
  mount("7:0", "/", "ext4", "/dev/loop0");
  EXPECT_THAT(uses(), ElementsAre("0000:00:05.0 system disk: the root file system (ext4 /dev/loop0) may stand on it: "
                                  "nothing says on what it does"));
}

TEST_F(HostFacts, ARootDiskOutsideOfPciIsNoFunction) {
  function("0000:00:05.0", "0x010802");
  disk("platform/80860F14:00/mmc_host/mmc0/mmc0:0001/block/mmcblk0", "179:0");
  mount("179:0", "/", "ext4", "/dev/mmcblk0");
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostFacts, WithoutAListOfMountsNothingIsSaid) {
  fs::remove(root() / "proc/self/mountinfo");
  host_.root = root();
  EXPECT_FALSE(look_at_host(host_, ""));
}

TEST_F(HostFacts, AnInitramfsNeedsNoDisk) {
  function("0000:00:05.0", "0x010802");
  mount("0:2", "/", "rootfs", "none");
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(HostFacts, ABondIsFoundOnBothItsInterfaces) {
  function("0000:00:08.0");
  function("0000:00:09.0");
  function("0000:00:0a.0");
  interface("eth0", "pci0000:00/0000:00:08.0/net/eth0");
  interface("eth1", "pci0000:00/0000:00:09.0/net/eth1");
  interface("eth2", "pci0000:00/0000:00:0a.0/net/eth2");
  interface("bond0", "virtual/net/bond0");
  lower("bond0", "eth0", "pci0000:00/0000:00:08.0/net/eth0");
  lower("bond0", "eth1", "pci0000:00/0000:00:09.0/net/eth1");
  has("bond0", "192.0.2.7");
  has("eth2", "fe80::1");  // up, and not used
  write("proc/net/if_inet6", "fe800000000000000000000000000001 04 40 20 80     eth2\n");
  EXPECT_THAT(uses(), ElementsAre("0000:00:08.0 network: eth0 is below bond0, which has 192.0.2.7",
                                  "0000:00:09.0 network: eth1 is below bond0, which has 192.0.2.7"));
}

TEST_F(HostFacts, AVlanOnABridgeIsFound) {
  function("0000:00:08.0");
  interface("eth0", "pci0000:00/0000:00:08.0/virtio0/net/eth0");
  interface("br0", "virtual/net/br0");
  interface("br0.5", "virtual/net/br0.5");
  lower("br0.5", "br0", "virtual/net/br0");
  lower("br0", "eth0", "pci0000:00/0000:00:08.0/virtio0/net/eth0");
  has("br0.5", "2001:db8::7");
  write("proc/net/if_inet6", "20010db8000000000000000000000007 05 40 00 80    br0.5\n");
  const std::string below = "0000:00:08.0 network: eth0 is below br0, which is below br0.5, which ";
  EXPECT_THAT(uses("2001:db8::7"),
              ElementsAre(below + "has the address 2001:db8::7/64", below + "is reached by 2001:db8::7"));
}

TEST_F(HostFacts, ARouteOrTheControllersMacIsEnough) {
  function("0000:00:08.0");
  function("0000:00:09.0");
  function("0000:00:0a.0");
  function("0000:00:0b.0");
  function("0000:00:0c.0");
  interface("eth0", "pci0000:00/0000:00:08.0/net/eth0");
  interface("eth1", "pci0000:00/0000:00:09.0/net/eth1");
  interface("eth2", "pci0000:00/0000:00:0a.0/net/eth2");
  interface("eth3", "pci0000:00/0000:00:0b.0/net/eth3");
  interface("eth4", "pci0000:00/0000:00:0c.0/net/eth4");  // and one that nobody uses
  write("sys/class/net/eth1/address", "52:54:00:00:00:01\n");
  const std::string head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  write("proc/net/route", head + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
                              "eth2\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
  const std::string zero(32, '0');
  const std::string via = "fe800000000000000000000000000001";
  write("proc/net/ipv6_route",
        fmt::format("{0} 00 {0} 00 {1} 00000400 00000001 00000000 00000003     eth3\n", zero, via) +
            fmt::format("{0} 00 {0} 00 {0} ffffffff 00000001 00000000 00200200       lo\n", zero));
  EXPECT_THAT(uses("52:54:00:00:00:01"), ElementsAre("0000:00:08.0 network: eth0 carries the default route",
                                                     "0000:00:09.0 network: eth1 is reached by 52:54:00:00:00:01",
                                                     "0000:00:0a.0 network: eth2 has a route to 192.168.1.0/24",
                                                     "0000:00:0b.0 network: eth3 carries the default route of IPv6"));
}

TEST_F(HostFacts, AManagementControllerIsFoundByWhatItShows) {
  function("0000:00:0b.0", "0x0c0701");
  function("0000:00:0c.0", "0x030000", "0x1a03:0x2000");
  function("0000:00:0d.0", "0x030000", "0x102b:0x0536");
  function("0000:00:0e.0", "0x088000", "0x103c:0x3306");
  function("0000:00:0f.0", "0x030000", "0x10de:0x1234");
  EXPECT_THAT(uses(), ElementsAre("0000:00:0b.0 BMC: it is an IPMI interface",
                                  "0000:00:0c.0 BMC: it is a part of an ASPEED management controller",
                                  "0000:00:0d.0 BMC: it is the graphics of a management controller",
                                  "0000:00:0e.0 BMC: it is a part of an iLO management controller"));
}

TEST_F(HostFacts, AConsoleOnACardIsFound) {
  function("0000:00:10.0", "0x070002");
  write("sys/devices/pci0000:00/0000:00:10.0/0000:00:10.0:0/0000:00:10.0:0.0/tty/ttyS4/dev", "4:68\n");
  write("sys/devices/pnp0/00:04/tty/ttyS0/dev", "4:64\n");
  link("sys/class/tty/ttyS4", "sys/devices/pci0000:00/0000:00:10.0/0000:00:10.0:0/0000:00:10.0:0.0/tty/ttyS4");
  link("sys/class/tty/ttyS0", "sys/devices/pnp0/00:04/tty/ttyS0");
  write("sys/devices/virtual/tty/console/active", "tty0 ttyS0 ttyS4\n");
  link("sys/class/tty/console", "sys/devices/virtual/tty/console");
  EXPECT_THAT(uses(), ElementsAre("0000:00:10.0 console: the kernel's console ttyS4 is on it"));
}

TEST_F(HostFacts, AVirtualFunctionNeedsItsPhysicalOne) {
  function("0000:00:08.0");
  function("0000:00:08.1");
  link("sys/devices/pci0000:00/0000:00:08.1/physfn", "sys/devices/pci0000:00/0000:00:08.0");
  interface("eth0", "pci0000:00/0000:00:08.1/net/eth0");
  has("eth0", "192.0.2.7");
  EXPECT_THAT(uses(), ElementsAre("0000:00:08.1 network: eth0 has 192.0.2.7",
                                  "0000:00:08.0 network: eth0 has 192.0.2.7, by its virtual function 0000:00:08.1"));
}

TEST_F(HostFacts, AllFunctionsAreThereWithTheirWayAndGroup) {
  function("0000:00:02.0", "0x060400");
  function("0000:00:02.0/0000:01:00.0");
  ASSERT_TRUE(make_dirs(root() / "sys/kernel/iommu_groups/7"));
  link("sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/iommu_group", "sys/kernel/iommu_groups/7");
  host_.root = root();
  const auto found = look_at_host(host_, "");
  ASSERT_TRUE(found) << found.error().what;
  const auto& functions = found->functions;
  ASSERT_EQ(functions.size(), 2U);
  EXPECT_EQ(functions[0].iommu_group, -1);
  EXPECT_EQ(functions[1].path, "0000:00:02.0/0000:01:00.0");
  EXPECT_EQ(functions[1].iommu_group, 7);
}

TEST_F(HostFacts, NothingIsInUseOnAMachineWithoutAny) {
  EXPECT_THAT(uses("192.0.2.7"), IsEmpty());
  EXPECT_THAT(this_host().addresses, Not(IsEmpty()));  // this machine's own loopback
}

}  // namespace
}  // namespace holdfast::agent
