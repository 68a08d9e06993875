// Is every device found that a machine cannot do without, and no other? Trees of real servers, made by hand.
#include "harness/base/device_use.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class DeviceUseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("device-use");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
  }

  void make(const std::string& text) {
    const auto made = fake::make_tree(text, root());
    ASSERT_TRUE(made) << made.error().what;
  }
  void load(const std::string& machine) {
    const auto made = fake::make_machine(machine, root());
    ASSERT_TRUE(made) << made.error().what;
  }

  /// "0000:5e:00.0 system disk: what".
  std::vector<std::string> uses() {
    static constexpr std::string_view kKinds[] = {"system", "disk", "network", "display", "BMC", "console"};
    const auto found = devices_in_use(root());
    EXPECT_TRUE(found) << found.error().what;
    std::vector<std::string> lines;
    if (!found) return lines;
    for (const DeviceUse& use : *found) {
      lines.push_back(fmt::format("{} {}: {}", use.bdf, kKinds[static_cast<size_t>(use.kind)], use.what));
    }
    return lines;
  }
  const std::filesystem::path& root() const { return folder_->path(); }

 private:
  std::optional<TempDir> folder_;
};

TEST_F(DeviceUseTest, FindsDisksThroughVolumesNetworksByRoutesAndTheConsole) {
  load("two-socket-server");
  EXPECT_THAT(uses(), ElementsAre("0000:02:00.0 display: the console (vtcon1) is drawn on its fb0",
                                  "0000:02:00.0 BMC: it is a part of an ASPEED management controller",
                                  "0000:18:00.0 network: eno1 carries the default route",
                                  "0000:18:00.0 network: eno1 has a route to 192.0.2.0/24",
                                  "0000:5e:00.0 system: /dev/nvme0n1p1 is mounted at /boot/efi",
                                  "0000:5e:00.0 system: /dev/nvme0n1p2 (dm-0 vg-root) is mounted at /",
                                  "0000:5e:00.0 disk: /dev/nvme0n1p2 (dm-1 vg-swap) is swap",
                                  "0000:5e:00.0 disk: /dev/nvme0n1p2 is part of dm-0 vg-root"));
}

TEST_F(DeviceUseTest, FindsAllMembersOfRaidsFileSystemsAndPaths) {
  load("storage-server");
  EXPECT_THAT(
      uses(),
      UnorderedElementsAre(
          "0000:00:17.0 system: /dev/sda1 (md0) is mounted at /", "0000:00:17.0 disk: /dev/sda1 is part of md0",
          "0000:3b:00.0 system: /dev/sdb1 (md0) is mounted at /", "0000:3b:00.0 disk: /dev/sdb1 is part of md0",
          "0000:3c:00.0 disk: /dev/nvme0n1 is mounted at /fast",
          "0000:5d:05.5 disk: /dev/nvme1n1 is mounted at /data",  // VMD, above the disk
          "10000:01:00.0 disk: /dev/nvme1n1 is mounted at /data", "0000:5e:00.0 disk: /dev/nvme2n1 is mounted at /data",
          "0000:88:00.1 network: ens3f1 has a route to 192.0.2.0/24"));
}

TEST_F(DeviceUseTest, FindsThePortsOfABondBelowABridgeAndEveryDiskThatAZfsRootMayStandOn) {
  load("virtualization-host");
  const auto found = uses();
  EXPECT_THAT(found, Contains(StartsWith("0000:41:00.1 network: enp65s0f1 is below bond0")));
  EXPECT_THAT(found, Contains("0000:41:00.1 network: enp65s0f1 is a port of bond0"));
  EXPECT_THAT(found, Contains(StartsWith("0000:61:00.0 system: the root file system (zfs rpool/ROOT/pve-1) may")));
  EXPECT_THAT(found, Not(Contains(StartsWith("0000:41:00.0"))));  // no address, no route, no bridge
}

TEST_F(DeviceUseTest, FindsADisplayByTheModeThatIsSetAndReadsBlanksInMountPoints) {
  load("desktop-without-acs");
  const auto found = uses();
  EXPECT_THAT(found, Contains("0000:00:02.0 display: it shows a picture at card0-HDMI-A-1"));
  EXPECT_THAT(found, Contains("0000:02:00.0 disk: /dev/nvme0n1p1 is mounted at /srv/my data"));
  EXPECT_THAT(found, Not(Contains(StartsWith("0000:03:00.0"))));
  EXPECT_THAT(found, Not(Contains(StartsWith("0000:01:00.0"))));
}

TEST_F(DeviceUseTest, LeavesAnIdleMachineAlone) {
  make(
      "pci pci0000:00/0000:00:02.0 8086:10d3 020000 driver=e1000e\n"
      "net pci0000:00/0000:00:02.0/net/eth0\n"
      "pci pci0000:00/0000:00:03.0 1b36:0010 010802 driver=nvme\n"
      "block pci0000:00/0000:00:03.0/nvme/nvme0/nvme0n1 259:0\n"
      "file proc/self/mountinfo 1 1 0:2 / / rw - rootfs none rw");
  EXPECT_THAT(uses(), IsEmpty());
}

TEST_F(DeviceUseTest, DoesNotGuessWithoutAListOfMounts) {
  make("pci pci0000:00/0000:00:03.0 1b36:0010 010802 driver=nvme");
  const auto found = devices_in_use(root());
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().what, HasSubstr("mountinfo"));
}

TEST_F(DeviceUseTest, SaysWhoHasAFileOpen) {
  make("file proc/4711/comm qemu-system-x86\nfile proc/12/comm idle");
  std::filesystem::create_directories(root() / "proc/4711/fd");
  std::filesystem::create_symlink("/dev/vfio/14", root() / "proc/4711/fd/9");
  const auto holders = holders_of({"/dev/vfio/14"}, root());
  ASSERT_EQ(holders.size(), 1U);
  EXPECT_EQ(holders[0].describe(), "/dev/vfio/14 is open in qemu-system-x86 (pid 4711)");
  EXPECT_THAT(holders_of({"/dev/vfio/1"}, root()), IsEmpty());
}

}  // namespace
}  // namespace holdfast
