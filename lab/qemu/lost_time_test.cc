// Is the time that a machine waits for a CPU seen, given back, and the kernel not blamed for it?
#include "lab/qemu/lost_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "harness/base/process.h"

namespace holdfast::lab {
namespace {

TEST(WaitedIn, IsTheSecondNumberInNanoseconds) {
  EXPECT_EQ(waited_in("4112000000 2500000000 311\n"), Millis(2500));
  EXPECT_EQ(waited_in("0 0 0\n"), Millis(0));
}

TEST(WaitedIn, IsNothingInWhatIsNoSchedstat) {
  for (const char* text : {"", "12", "12 x 3", "\n"}) EXPECT_EQ(waited_in(text), std::nullopt) << text;
}

/// Processes that want all of one CPU, the same for all.
std::vector<Process> busy_on_one_cpu(size_t count) {
  cpu_set_t before{};
  ::sched_getaffinity(0, sizeof before, &before);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one{};
  CPU_SET(first, &one);
  ::sched_setaffinity(0, sizeof one, &one);  // the children inherit it
  std::vector<Process> processes;
  for (size_t i = 0; i < count; ++i) {
    auto started = Process::start({.argv = {"/bin/sh", "-c", "while :; do :; done"}});
    if (started) processes.push_back(*std::move(started));
  }
  ::sched_setaffinity(0, sizeof before, &before);
  return processes;
}

TEST(WaitedForCpu, GrowsWhereSeveralWantTheSameCpu) {
  const auto processes = busy_on_one_cpu(3);
  ASSERT_EQ(processes.size(), 3U);
  const Deadline deadline = Deadline::after(Millis(20'000));
  while (waited_for_cpu(processes.front().pid()) < Millis(200) && !deadline.expired()) {
    wait_until(Deadline::after(Millis(20)));
  }
  EXPECT_GE(waited_for_cpu(processes.front().pid()), Millis(200));
}

TEST(WaitedForCpu, IsNothingOfOneThatSleepsOrIsGone) {
  auto sleeper = Process::start({.argv = {"/bin/sleep", "60"}});
  ASSERT_TRUE(sleeper);
  wait_until(Deadline::after(Millis(100)));
  const Millis before = waited_for_cpu(sleeper->pid());
  wait_until(Deadline::after(Millis(300)));
  EXPECT_EQ(waited_for_cpu(sleeper->pid()), before);
  const pid_t pid = sleeper->pid();
  sleeper->stop(Millis(0));
  EXPECT_EQ(waited_for_cpu(pid), Millis(0));
}

class LostTimeTest : public testing::Test {
 protected:
  LostTime after(Millis wait) {
    return {[this] { return waited_; }, Deadline::after(wait)};
  }
  Millis waited_{7000};  // what was lost before is not counted
};

TEST_F(LostTimeTest, GivesNothingToAMachineThatHadItsCpu) {
  LostTime lost = after(std::chrono::seconds(60));
  waited_ += Millis(400);
  EXPECT_FALSE(lost.more(nullptr));
  EXPECT_FALSE(lost.verdict());  // so its silence is judged as ever
}

TEST_F(LostTimeTest, GivesBackWhatWasLostAndOnlyOnce) {
  LostTime lost = after(std::chrono::seconds(60));
  waited_ += Millis(5000);
  const auto more = lost.more(nullptr);
  ASSERT_TRUE(more);
  EXPECT_GT(more->remaining(), Millis(4000));
  EXPECT_LE(more->remaining(), Millis(5000));
  EXPECT_FALSE(lost.more(nullptr));
  EXPECT_FALSE(lost.verdict());
  waited_ += Millis(600);
  EXPECT_TRUE(lost.more(nullptr));
}

TEST_F(LostTimeTest, LeavesTheBlameToAKernelThatHadHalfOfItsTimeAllTheSame) {
  LostTime lost = after(std::chrono::seconds(60));
  waited_ += Millis(40'000);
  const auto more = lost.more(nullptr);
  ASSERT_TRUE(more);
  EXPECT_LE(more->remaining(), Millis(30'000));  // half of the wait, and no more
  waited_ += Millis(19'000);                     // 90 s without 59
  EXPECT_FALSE(lost.more(nullptr));
  EXPECT_FALSE(lost.verdict());
}

TEST_F(LostTimeTest, BlamesTheComputerWhereTheMachineHadLess) {
  LostTime lost = after(std::chrono::seconds(60));
  waited_ += Millis(50'000);
  ASSERT_TRUE(lost.more(nullptr));
  waited_ += Millis(25'000);
  EXPECT_FALSE(lost.more(nullptr));
  const auto verdict = lost.verdict();
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->type(), "lab.overload");
  EXPECT_THAT(verdict->what, testing::HasSubstr("75 s"));
}

}  // namespace
}  // namespace holdfast::lab
