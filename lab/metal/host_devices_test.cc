// Are the inventory's devices found on the host, and only when it is clear which they are?
#include "lab/metal/host_devices.h"

#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

constexpr const char* kListing =
    "0000:00:00.0 0x8086 0x29c0\n"
    "0000:01:00.0 0x8086 0x10d3\n"
    "0000:02:00.0 0x8086 0x10d3\n"
    "0000:03:00.0 0x1b36 0x0010\n";

HostDevice device(const std::string& role, const std::string& bdf, uint16_t vendor = 0, uint16_t id = 0) {
  return {
      .device = {.role = role, .bdf = bdf, .model = "", .traits = {}}, .vendor = vendor, .id = id, .declared_at = {}};
}

TEST(Locate, FindsByAddressAndByIds) {
  const auto located = locate({device("disk", "", 0x1b36, 0x0010), device("nic", "0000:01:00.0")}, kListing);
  EXPECT_EQ(located[0].bdf, "0000:03:00.0");
  EXPECT_EQ(located[0].ids, "1b36:0010");
  EXPECT_EQ(located[1].bdf, "0000:01:00.0");
  EXPECT_EQ(located[1].ids, "8086:10d3");
}

TEST(Locate, WhatIsDeclaredByItsAddressIsNoCandidateForIds) {
  const auto located = locate({device("any", "", 0x8086, 0x10d3), device("first", "0000:01:00.0")}, kListing);
  EXPECT_EQ(located[0].bdf, "0000:02:00.0");
}

TEST(Locate, AsManyDevicesAsAreDeclaredAreGivenOutInOrder) {
  const auto located = locate({device("a", "", 0x8086, 0x10d3), device("b", "", 0x8086, 0x10d3)}, kListing);
  EXPECT_EQ(located[0].bdf, "0000:01:00.0");
  EXPECT_EQ(located[1].bdf, "0000:02:00.0");
}

TEST(Locate, OneOfSeveralIsNotGuessed) {
  const auto located = locate({device("any", "", 0x8086, 0x10d3)}, kListing);
  EXPECT_EQ(located[0].bdf, "");
  EXPECT_EQ(located[0].trouble,
            "2 devices are 8086:10d3 (0000:01:00.0, 0000:02:00.0): name the one that is meant by its bdf");
}

TEST(Locate, WhatIsNotThereIsNamed) {
  const auto located = locate({device("gone", "0000:09:00.0"), device("other", "0000:03:00.0", 0x8086, 0x10d3),
                               device("none", "", 0x10ee, 0x7024)},
                              kListing);
  EXPECT_EQ(located[0].trouble, "nothing is at 0000:09:00.0");
  EXPECT_EQ(located[1].trouble, "at 0000:03:00.0 is 1b36:0010, not 8086:10d3");
  EXPECT_EQ(located[2].trouble, "no device 10ee:7024 is there");
  for (const LocatedDevice& one : located) EXPECT_EQ(one.bdf, "");
}

TEST(FillAddresses, AsksNobodyWhenAllAreKnown) {
  std::vector<Device> known{{.role = "nic", .bdf = "0000:01:00.0", .model = "", .traits = {}}};
  const Host host{.name = "metal-1", .ssh = {.host = {.address = "192.0.2.1"}}};
  EXPECT_TRUE(fill_addresses(known, host, "/nonexistent", Deadline::after(Millis(0))));
  EXPECT_EQ(known.front().bdf, "0000:01:00.0");
}

}  // namespace
}  // namespace holdfast::lab
