// Is each device of real servers judged rightly, with the reason that a reader can check?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixtures/fake_sysfs.h"
#include "harness/base/file.h"
#include "lab/passthrough/local_listing.h"
#include "lab/passthrough/local_machine.h"

namespace holdfast::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = Obstacle::Kind;

class CanPassTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("can-pass");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
  }
  const std::filesystem::path& root() const { return folder_->path(); }

  void load(const std::string& name, const std::string& more = "") {
    auto made = fake::make_machine(name, root());
    ASSERT_TRUE(made) << made.error().what;
    made = fake::make_tree(more, root());
    ASSERT_TRUE(made) << made.error().what;
    look();
  }
  void look() {
    auto found = look_at_machine(root());
    ASSERT_TRUE(found) << found.error().what;
    machine_ = *std::move(found);
  }

  const LocalDevice& device(const std::string& bdf) const {
    const LocalDevice* found = machine_.find(bdf);
    EXPECT_NE(found, nullptr) << bdf;
    return *found;
  }
  Verdict judge(const std::string& bdf) const { return can_pass(machine_, device(bdf)); }
  std::vector<std::string> reasons(const std::string& bdf) const {
    std::vector<std::string> all;
    for (const Obstacle& one : judge(bdf).obstacles) all.push_back(one.what);
    return all;
  }

  LocalMachine machine_;

 private:
  std::optional<TempDir> folder_;
};

TEST_F(CanPassTest, ReadsWhatSysfsSaysOfAFunction) {
  load("two-socket-server");
  const LocalDevice& card = device("0000:18:00.0");
  EXPECT_EQ(card.driver, "i40e");
  EXPECT_EQ(card.iommu_group, 21);
  EXPECT_EQ(card.numa_node, 0);
  EXPECT_EQ(card.total_vfs, 64U);
  EXPECT_EQ(card.num_vfs, 0U);
  EXPECT_THAT(card.ports, ElementsAre("0000:17:00.0"));
  EXPECT_THAT(card.reset_methods, ElementsAre("flr", "bus"));
  EXPECT_EQ(card.vendor_name, "Intel Corporation");
  EXPECT_EQ(card.class_name, "Ethernet controller");
  EXPECT_EQ(device("0000:17:00.0").has_acs, true);
  EXPECT_EQ(card.has_acs, false);
  EXPECT_TRUE(device("0000:02:00.0").boot_display);
}

TEST_F(CanPassTest, TakesASpareDiskAndTheOtherPortOfACard) {
  load("two-socket-server");
  EXPECT_TRUE(judge("0000:af:00.0").ok());
  EXPECT_TRUE(judge("0000:18:00.1").ok());  // a link-local address alone is no use
  EXPECT_EQ(judge("0000:af:00.0").summary(), "yes");
}

TEST_F(CanPassTest, NeverTakesTheSystemDisk) {
  load("two-socket-server");
  const Verdict verdict = judge("0000:5e:00.0");
  EXPECT_FALSE(verdict.ok(true));
  EXPECT_EQ(verdict.obstacles.front().kind, Kind::kSystemDisk);
  EXPECT_THAT(reasons("0000:5e:00.0"), Contains("/dev/nvme0n1p2 (dm-0 vg-root) is mounted at /"));
}

TEST_F(CanPassTest, TakesWhatIsInUseByForceAlone) {
  load("two-socket-server");
  for (const char* bdf : {"0000:18:00.0", "0000:02:00.0"}) {
    EXPECT_FALSE(judge(bdf).ok()) << bdf;
    EXPECT_TRUE(judge(bdf).ok(true)) << bdf;
  }
  EXPECT_THAT(judge("0000:02:00.0").notes, Contains(HasSubstr("BMC")));
}

TEST_F(CanPassTest, LeavesBridgesAndTheChipsetWhereTheyAre) {
  load("two-socket-server");
  for (const char* bdf : {"0000:17:00.0", "0000:00:00.0", "0000:00:1f.0"}) {
    EXPECT_FALSE(judge(bdf).ok(true)) << bdf;
    EXPECT_EQ(judge(bdf).obstacles.front().kind, Kind::kBridge) << bdf;
  }
  EXPECT_THAT(taken_with(machine_, device("0000:00:1f.4")), ElementsAre("0000:00:1f.4"));
}

TEST_F(CanPassTest, NamesWhoSharesAGroupAndWhichPortLacksAcs) {
  load("desktop-without-acs");
  const Verdict verdict = judge("0000:01:00.0");
  EXPECT_THAT(
      reasons("0000:01:00.0"),
      ElementsAre("IOMMU group 1 is shared with 0000:02:00.0 (Non-Volatile memory controller): /dev/nvme0n1p1 is "
                  "mounted at /srv/my data"));
  EXPECT_THAT(verdict.notes, Contains("taken with it: 0000:01:00.1, 0000:02:00.0"));
  EXPECT_THAT(verdict.notes,
              Contains("IOMMU group 1 spans the slots 0000:01:00, 0000:02:00: 0000:00:01.0, 0000:00:01.1 "
                       "cannot keep them apart, without ACS"));
  EXPECT_TRUE(verdict.ok(true));
  // The disk itself is mounted, whatever shares its group.
  EXPECT_THAT(reasons("0000:02:00.0"), ElementsAre("/dev/nvme0n1p1 is mounted at /srv/my data"));
}

TEST_F(CanPassTest, TakesACardWhosePortWithoutAcsHasNoOtherSlot) {
  load("desktop-without-acs");
  EXPECT_TRUE(judge("0000:03:00.0").ok());
  EXPECT_THAT(judge("0000:03:00.0").notes, IsEmpty());
}

TEST_F(CanPassTest, RefusesAGroupWithTheCardThatCarriesTheDefaultRoute) {
  load("desktop-without-acs");
  EXPECT_THAT(reasons("0000:00:1f.3"), ElementsAre(HasSubstr("0000:00:1f.6 (Ethernet controller): eno1 carries the")));
}

TEST_F(CanPassTest, SaysThatADeviceCannotBeReset) {
  load("desktop-without-acs");
  EXPECT_THAT(judge("0000:01:00.1").notes, Contains(HasSubstr("cannot be reset")));
  EXPECT_THAT(judge("0000:03:00.0").notes, Not(Contains(HasSubstr("cannot be reset"))));
}

TEST_F(CanPassTest, RefusesAPhysicalFunctionWhoseVirtualOnesAreInAGuest) {
  load("virtualization-host");
  std::filesystem::create_directories(root() / "proc/4711/fd");
  std::filesystem::create_symlink("/dev/vfio/13", root() / "proc/4711/fd/7");
  std::filesystem::create_symlink("/dev/vfio/devices/vfio9", root() / "proc/4711/fd/8");
  look();
  EXPECT_THAT(reasons("0000:41:00.0"),
              ElementsAre("its virtual function 0000:41:10.0 would go with it: it is given away "
                          "already: /dev/vfio/13 is open in qemu-system-x86 (pid 4711)"));
  EXPECT_FALSE(judge("0000:41:00.0").ok(true));
  EXPECT_FALSE(judge("0000:41:10.0").ok(true));
  EXPECT_TRUE(judge("0000:41:10.2").ok());  // bound to vfio-pci, but nobody has it
  EXPECT_TRUE(judge("0000:41:10.4").ok());
  EXPECT_EQ(device("0000:41:10.4").physical_function, "0000:41:00.0");
  EXPECT_THAT(device("0000:41:00.0").virtual_functions, ElementsAre("0000:41:10.0", "0000:41:10.2", "0000:41:10.4"));
}

TEST_F(CanPassTest, KeepsThePortsOfABondAndTheDiskThatZfsMayStandOn) {
  load("virtualization-host");
  EXPECT_FALSE(judge("0000:41:00.1").ok());
  EXPECT_TRUE(judge("0000:41:00.1").ok(true));
  EXPECT_FALSE(judge("0000:61:00.0").ok(true));
}

TEST_F(CanPassTest, RefusesWhatTheFirmwareKeepsMapped) {
  load("virtualization-host");
  EXPECT_EQ(judge("0000:62:00.0").obstacles.front().kind, Kind::kFirmware);
  EXPECT_FALSE(judge("0000:62:00.0").ok(true));
}

TEST_F(CanPassTest, TakesTheIdleFunctionOfACardOnlyWithTheOthersOfItsGroup) {
  load("storage-server");
  EXPECT_THAT(reasons("0000:88:00.2"),
              ElementsAre(HasSubstr("0000:88:00.1 (Ethernet controller): ens3f1 has a route")));
  EXPECT_THAT(judge("0000:88:00.2").notes, Contains("taken with it: 0000:88:00.0, 0000:88:00.1"));
}

TEST_F(CanPassTest, SaysHowToSwitchTheIommuOn) {
  const char* card =
      "pci pci0000:00/0000:00:02.0 8086:10d3 020000 driver=e1000e\n"
      "file proc/self/mountinfo 1 1 0:2 / / rw - rootfs none rw\n";
  struct Row {
    std::string more;
    std::string what;
    std::string mend;
  };
  for (const Row& row :
       std::vector<Row>{{"file sys/firmware/acpi/tables/DMAR x\nfile proc/cpuinfo vendor_id : GenuineIntel",
                         "is not on", "intel_iommu=on"},
                        {"file proc/cpuinfo vendor_id : GenuineIntel", "describes no IOMMU", "VT-d"},
                        {"file proc/cpuinfo vendor_id : AuthenticAMD", "describes no IOMMU", "AMD-Vi"},
                        {"file sys/firmware/acpi/tables/IVRS x\nfile proc/cpuinfo vendor_id : AuthenticAMD",
                         "is not on", "amd_iommu=off"},
                        {"class iommu dmar0", "does not cover it", ""}}) {
    const auto folder = TempDir::create("no-iommu");
    ASSERT_TRUE(folder);
    ASSERT_TRUE(fake::make_tree(card + row.more, folder->path()));
    const auto machine = look_at_machine(folder->path());
    ASSERT_TRUE(machine) << machine.error().what;
    const Verdict verdict = can_pass(*machine, machine->devices.front());
    ASSERT_EQ(verdict.obstacles.size(), 1U);
    EXPECT_FALSE(verdict.ok(true));
    EXPECT_THAT(verdict.obstacles[0].what, HasSubstr(row.what));
    EXPECT_THAT(verdict.obstacles[0].mend, HasSubstr(row.mend));
  }
}

TEST_F(CanPassTest, IsListedForPeopleAndPrograms) {
  load("two-socket-server");
  const Listing listing = list_local_devices(machine_);
  ASSERT_EQ(listing.rows.size(), machine_.devices.size() + 1);
  for (const auto& row : listing.rows) EXPECT_EQ(row.size(), listing.rows.front().size());
  EXPECT_THAT(listing.rows, Contains(Contains("no: /dev/nvme0n1p1 is mounted at /boot/efi (and 3 more)")));
  const auto json = nlohmann::json::parse(listing.json);
  ASSERT_EQ(json.size(), machine_.devices.size());
  for (const auto& one : json) {
    if (one.at("bdf") != "0000:5e:00.0") continue;
    EXPECT_EQ(one.at("can_pass_by_force"), false);
    EXPECT_EQ(one.at("obstacles").at(0).at("kind"), "system-disk");
  }
}

TEST_F(CanPassTest, CannotLookAtAMachineWithoutPci) { EXPECT_FALSE(look_at_machine(root())); }

}  // namespace
}  // namespace holdfast::lab
