// Is the number of machines at once one that the computer can bear?
#include "harness/capacity.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr const char* kFourGib = "MemTotal:       16000000 kB\nMemFree:  100 kB\nMemAvailable:    4194304 kB\n";

TEST(MachinesAtOnce, GoesByCoresAndMemory) {
  EXPECT_EQ(machines_at_once(capacity_of(2, kFourGib), 1, 512), 2);
  EXPECT_EQ(machines_at_once(capacity_of(64, kFourGib), 1, 512), 5);
  EXPECT_EQ(machines_at_once(capacity_of(8, kFourGib), 4, 512), 2);
}

TEST(MachinesAtOnce, IsNeverLessThanOne) {
  EXPECT_EQ(machines_at_once(capacity_of(1, "MemAvailable: 1024 kB\n"), 4, 4096), 1);
  EXPECT_EQ(machines_at_once(capacity_of(0, ""), 1, 512), 1);
}

TEST(MachinesAtOnce, GoesByCoresWhereMemoryIsNotTold) { EXPECT_EQ(machines_at_once(capacity_of(6, ""), 1, 512), 6); }

}  // namespace
}  // namespace holdfast
