// Is udev still from before a kernel is left, and only for as long?
#include "harness/agent/still_udev.h"

#include <gtest/gtest.h>

#include <thread>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

Deadline soon() { return Deadline::after(Millis(10'000)); }

class StillUdevTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file(service() / "cgroup.freeze", "0"));
    kernel_says("0");
  }
  std::filesystem::path service() const { return dir_.path(); }
  void kernel_says(const std::string& frozen) {
    ASSERT_TRUE(write_file_atomic(service() / "cgroup.events", "populated 1\nfrozen " + frozen + "\n"));
  }
  std::string told() const { return *read_file(service() / "cgroup.freeze"); }
  TempDir dir_ = *TempDir::create("still-udev");
};

TEST_F(StillUdevTest, IsWaitedForAndThawedInTheEnd) {
  std::thread kernel([&] {
    while (told() != "1") wait_until(Deadline::after(Millis(5)));
    wait_until(Deadline::after(Millis(50)));
    kernel_says("1");
  });
  {
    const StillUdev still = StillUdev::make(service(), soon());
    EXPECT_NE(read_file(service() / "cgroup.events")->find("frozen 1"), std::string::npos) << "it was not waited for";
    EXPECT_EQ(told(), "1");
  }
  kernel.join();
  EXPECT_EQ(told(), "0");
}

TEST_F(StillUdevTest, IsThawedAtOnceWhenTheKernelStays) {
  kernel_says("1");
  StillUdev still = StillUdev::make(service(), soon());
  StillUdev taken = std::move(still);
  EXPECT_EQ(told(), "1");
  taken.undo();
  EXPECT_EQ(told(), "0");
  ASSERT_TRUE(write_file(service() / "cgroup.freeze", "somebody else's"));
  taken.undo();
  EXPECT_EQ(told(), "somebody else's");
}

TEST_F(StillUdevTest, ThatCannotBeFrozenHoldsNobodyUp) {
  const auto begin = Deadline::Clock::now();
  StillUdev::make(service() / "none", soon());
  EXPECT_FALSE(std::filesystem::exists(service() / "none"));
  const StillUdev never = StillUdev::make(service(), soon());
  EXPECT_LT(Deadline::Clock::now() - begin, std::chrono::seconds(8));
}

}  // namespace
}  // namespace holdfast::agent
