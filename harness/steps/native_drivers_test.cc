// Are those drivers kept off that would take a device under test, and no others?
#include "harness/steps/native_drivers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Bound bound(std::vector<std::string> drivers) {
  Bound device;
  for (std::string& driver : drivers)
    device.drivers_before.push_back({.bdf = "", .driver = std::move(driver), .override_ = ""});
  return device;
}

TEST(NativeDrivers, AreThoseOfTheDevicesAndTheirGroups) {
  std::set<std::string> natives;
  add_native_drivers({bound({"e1000e", ""}), bound({"nvme", "nvme"})}, natives);
  EXPECT_THAT(natives, ElementsAre("e1000e", "nvme"));
  // What was expected in one kernel has no native driver in the next, which must not be forgotten.
  add_native_drivers({bound({""})}, natives);
  EXPECT_THAT(natives, ElementsAre("e1000e", "nvme"));
}

TEST(NativeDrivers, AreKeptOffBuiltInOrAsModules) {
  EXPECT_EQ(*keep_drivers_off({"e1000e", "nvme", "virtio-pci"}, {}),
            "initcall_blacklist=e1000_init_module,nvme_init,virtio_net_driver_init "
            "modprobe.blacklist=e1000e,nvme,virtio_net");
}

TEST(NativeDrivers, ThatTheTargetLivesByCannotBeKeptOff) {
  const auto kept = keep_drivers_off({"e1000e", "nvme"}, {"igb", "e1000e"});
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().blame, Blame::kPlan);
  EXPECT_THAT(kept.error().what, HasSubstr("lives by the driver e1000e"));
  EXPECT_EQ(*keep_drivers_off({"nvme"}, {"igb", "e1000e"}), "initcall_blacklist=nvme_init modprobe.blacklist=nvme");
}

/// The card's own driver is virtio-pci; sysfs calls the one of the network behind it virtio_net.
TEST(NativeDrivers, OfVirtioAreThoseOfWhatIsBehindIt) {
  EXPECT_FALSE(keep_drivers_off({"virtio-pci"}, {"virtio_net"}));
  EXPECT_EQ(*keep_drivers_off({"virtio-pci"}, {"virtio_blk"}),
            "initcall_blacklist=virtio_net_driver_init modprobe.blacklist=virtio_net");
}

TEST(NativeDrivers, OfAnUnknownKindAreKeptOffAsModules) {
  EXPECT_EQ(*keep_drivers_off({}, {}), "");
  EXPECT_EQ(*keep_drivers_off({"vfio-pci", "someones-own"}, {}), "modprobe.blacklist=someones_own");
}

}  // namespace
}  // namespace holdfast
