// Are those drivers kept off that would take a device under test, and no others?
#include "harness/steps/native_drivers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;

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

TEST(NativeDrivers, AreKeptOffByTheirInitFunctions) {
  EXPECT_EQ(keep_drivers_off({"e1000e", "nvme", "virtio-pci"}, {}),
            "initcall_blacklist=e1000_init_module,nvme_init,virtio_net_driver_init");
}

TEST(NativeDrivers, ThatTheTargetLivesByStartAllTheSame) {
  EXPECT_EQ(keep_drivers_off({"e1000e", "nvme"}, {"e1000e"}), "initcall_blacklist=nvme_init");
  EXPECT_EQ(keep_drivers_off({"e1000e"}, {"igb", "e1000e"}), "");
}

TEST(NativeDrivers, OfAnUnknownKindAddNoWord) {
  EXPECT_EQ(keep_drivers_off({}, {}), "");
  EXPECT_EQ(keep_drivers_off({"vfio-pci", "someones-own"}, {}), "");
}

}  // namespace
}  // namespace holdfast
