// Is a device refused that the host needs, and is no other one?
#include "lab/metal/protected_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A root disk behind a port, a network card of two functions in one group, and a free card behind a port of its own.
wire::HostFactsReply facts() {
  return {.uses = {{.bdf = "0000:01:00.0", .role = "root disk", .why = "/ on nvme0n1p2"},
                   {.bdf = "0000:00:1f.6", .role = "network", .why = "eth0 has 192.0.2.7"}},
          .functions = {{.bdf = "0000:00:01.0", .path = "0000:00:01.0", .iommu_group = 1},
                        {.bdf = "0000:00:02.0", .path = "0000:00:02.0", .iommu_group = 2},
                        {.bdf = "0000:00:1f.5", .path = "0000:00:1f.5", .iommu_group = 9},
                        {.bdf = "0000:00:1f.6", .path = "0000:00:1f.6", .iommu_group = 9},
                        {.bdf = "0000:01:00.0", .path = "0000:00:01.0/0000:01:00.0", .iommu_group = 11},
                        {.bdf = "0000:02:00.0", .path = "0000:00:02.0/0000:02:00.0", .iommu_group = -1},
                        {.bdf = "0000:02:00.1", .path = "0000:00:02.0/0000:02:00.1", .iommu_group = -1}}};
}

Device device(const std::string& role, const std::string& bdf) {
  return {.role = role, .bdf = bdf, .model = "", .traits = {}};
}

TEST(ProtectedDevices, SayWhatTheHostNeedsThemFor) {
  EXPECT_EQ(why_protected("0000:01:00.0", facts(), {}), "0000:01:00.0 is the host's root disk (/ on nvme0n1p2)");
  EXPECT_EQ(why_protected("0000:00:1f.6", facts(), {}), "0000:00:1f.6 is the host's network (eth0 has 192.0.2.7)");
}

TEST(ProtectedDevices, AreAlsoTheBridgesAboveAndTheRestOfTheGroup) {
  EXPECT_EQ(why_protected("0000:00:01.0", facts(), {}),
            "0000:00:01.0 is the way to 0000:01:00.0, the host's root disk (/ on nvme0n1p2)");
  EXPECT_EQ(why_protected("0000:00:1f.5", facts(), {}),
            "0000:00:1f.5 is in one IOMMU group with 0000:00:1f.6, the host's network (eth0 has 192.0.2.7)");
}

TEST(ProtectedDevices, AreNotTheFreeOnes) {
  EXPECT_EQ(why_protected("0000:02:00.0", facts(), {}), std::nullopt);
  EXPECT_TRUE(refuse_protected({device("nic", "0000:02:00.0")}, facts(), {}));
}

TEST(ProtectedDevices, AreThoseThatTheInventoryForbids) {
  EXPECT_THAT(*why_protected("0000:02:00.0", facts(), {"0000:02:00.0"}), HasSubstr("never touch"));
  EXPECT_THAT(*why_protected("0000:00:02.0", facts(), {"0000:02:00.0"}), HasSubstr("the way to 0000:02:00.0"));
  // Without groups nothing is said of a neighbour.
  EXPECT_EQ(why_protected("0000:02:00.1", facts(), {"0000:02:00.0"}), std::nullopt);
}

TEST(ProtectedDevices, AreAllNamedAtOnce) {
  const auto refused = refuse_protected(
      {device("disk", "0000:01:00.0"), device("free", "0000:02:00.0"), device("nic", "0000:00:1f.6")}, facts(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.protected-device");
  EXPECT_THAT(refused.error().what, HasSubstr("disk: 0000:01:00.0 is the host's root disk"));
  EXPECT_THAT(refused.error().what, HasSubstr("nic: 0000:00:1f.6 is the host's network"));
  EXPECT_THAT(refused.error().what, Not(HasSubstr("free")));
}

TEST(ProtectedDevices, AreAllWhereTheHostSaysNothing) {
  const auto refused = refuse_protected({device("nic", "0000:02:00.0")}, {}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.protected-device");
}

}  // namespace
}  // namespace holdfast::lab
