// Are the kernel's own figures read as they are written?
#include "harness/agent/resources.h"

#include <gtest/gtest.h>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

TEST(Resources, AreReadFromTheKernelsFiles) {
  const auto dir = *TempDir::create();
  const auto root = dir.path();
  ASSERT_TRUE(make_dirs(root / "proc/sys/fs"));
  ASSERT_TRUE(make_dirs(root / "sys/kernel/debug/kho/out"));
  ASSERT_TRUE(write_file(root / "proc/meminfo",
                         "MemTotal:         475124 kB\nMemFree:          400000 kB\nMemAvailable:     421000 kB\n"
                         "Slab:              12345 kB\nSReclaimable:       2345 kB\nSUnreclaim:        10000 kB\n"));
  ASSERT_TRUE(write_file(root / "proc/sys/fs/file-nr", "96\t0\t46861\n"));
  ASSERT_TRUE(write_file(root / "sys/kernel/debug/kho/out/scratch_len", "0x1000000\n0x4000\n"));
  const auto read = read_resources(root);
  EXPECT_EQ(read.memory_total, 475124U);
  EXPECT_EQ(read.memory_available, 421000U);
  EXPECT_EQ(read.slab, 12345U);
  EXPECT_EQ(read.slab_unreclaimable, 10000U);
  EXPECT_EQ(read.kho_scratch, 16384U + 16U);
  EXPECT_EQ(read.open_files, 96U);
}

TEST(Resources, AreNothingWhereTheKernelDoesNotSay) {
  const auto dir = *TempDir::create();
  const auto read = read_resources(dir.path());
  EXPECT_EQ(read.memory_total, 0U);
  EXPECT_EQ(read.kho_scratch, 0U);
}

TEST(Resources, OfThisMachineAreThere) {
  const auto read = read_resources("/");
  EXPECT_GT(read.memory_total, 1024U);
  EXPECT_GT(read.open_files, 0U);
}

}  // namespace
}  // namespace holdfast::agent
