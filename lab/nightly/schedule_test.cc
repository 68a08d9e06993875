// Do runs of a night go on side by side where they can, and only there?
#include "lab/nightly/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr Capacity kComputer{.cores = 4, .memory_mib = 4000};

NightClaim hosts(std::set<std::string> names) { return {.alone = std::move(names)}; }
NightClaim machines(int count) { return {.machines = {.cores = count, .memory_mib = count * 800}}; }

NightSchedule schedule(std::vector<NightClaim> claims, int at_once = 8) {
  return {std::move(claims), kComputer, at_once};
}

/// All that may begin now.
std::vector<size_t> begin(NightSchedule& runs) {
  std::vector<size_t> begun;
  while (const auto run = runs.next()) begun.push_back(*run);
  return begun;
}

TEST(NightSchedule, RunsOfOneHostGoOneAfterAnother) {
  auto runs = schedule({hosts({"n07"}), hosts({"n08"}), hosts({"n07"}), hosts({"n08"})});
  EXPECT_THAT(begin(runs), ElementsAre(0, 1));
  runs.done(1);
  EXPECT_THAT(begin(runs), ElementsAre(3));
  runs.done(0);
  EXPECT_THAT(begin(runs), ElementsAre(2));
  EXPECT_FALSE(runs.over());
  runs.done(2);
  runs.done(3);
  EXPECT_TRUE(runs.over());
}

TEST(NightSchedule, NobodyOvertakesWithWhatAnotherWaitsFor) {
  auto runs = schedule({hosts({"n07"}), hosts({"n07", "n08"}), hosts({"n08"}), hosts({"n09"})});
  EXPECT_THAT(begin(runs), ElementsAre(0, 3)) << "n08 is free, and the second's next";
  runs.done(0);
  EXPECT_THAT(begin(runs), ElementsAre(1));
  runs.done(1);
  EXPECT_THAT(begin(runs), ElementsAre(2));
}

TEST(NightSchedule, MachinesGoAsFarAsTheComputerDoes) {
  auto runs = schedule({machines(3), machines(2), machines(1), hosts({"n07"})});
  EXPECT_THAT(begin(runs), ElementsAre(0, 3)) << "the third would fit, and the second would wait the longer for it";
  runs.done(0);
  EXPECT_THAT(begin(runs), ElementsAre(1, 2));
}

TEST(NightSchedule, MemoryCountsAsCoresDo) {
  auto runs =
      schedule({{.machines = {.cores = 1, .memory_mib = 3000}}, {.machines = {.cores = 1, .memory_mib = 1001}}});
  EXPECT_THAT(begin(runs), ElementsAre(0));
}

TEST(NightSchedule, WhatIsLargerThanTheComputerHasItAlone) {
  auto runs = schedule({machines(1), machines(9), machines(1)});
  EXPECT_THAT(begin(runs), ElementsAre(0));
  runs.done(0);
  EXPECT_THAT(begin(runs), ElementsAre(1));
  EXPECT_THAT(begin(runs), IsEmpty());
  runs.done(1);
  EXPECT_THAT(begin(runs), ElementsAre(2));
}

TEST(NightSchedule, WhoWaitsForAHostKeepsNoMachinesFromOthers) {
  NightClaim both = machines(3);
  both.alone = {"n07"};
  auto runs = schedule({hosts({"n07"}), both, machines(4)});
  EXPECT_THAT(begin(runs), ElementsAre(0, 2));
}

TEST(NightSchedule, NoMoreThanThePlanAllows) {
  auto runs = schedule({hosts({"a"}), hosts({"b"}), hosts({"c"})}, 2);
  EXPECT_THAT(begin(runs), ElementsAre(0, 1));
  runs.done(1);
  EXPECT_THAT(begin(runs), ElementsAre(2));
  auto one = schedule({hosts({"a"}), hosts({"b"})}, 1);
  EXPECT_THAT(begin(one), ElementsAre(0));
}

TEST(NightRuns, GoOnAtTheSameTimeAndAreToldByOneThread) {
  auto runs = schedule({hosts({"n07"}), hosts({"n08"}), hosts({"n07"})});
  std::latch both_are_there(2);
  std::atomic<int> on_n07 = 0;
  std::vector<size_t> told;
  const auto teller = std::this_thread::get_id();
  carry_out_all(runs, {.begins = [&](size_t) { EXPECT_EQ(std::this_thread::get_id(), teller); },
                       .carry_out =
                           [&](size_t run) {
                             const bool is_on_n07 = run != 1;
                             EXPECT_LE(on_n07 += is_on_n07 ? 1 : 0, 1);
                             if (run < 2) both_are_there.arrive_and_wait();  // one after another they would never meet
                             on_n07 -= is_on_n07 ? 1 : 0;
                           },
                       .ended =
                           [&](size_t run) {
                             EXPECT_EQ(std::this_thread::get_id(), teller);
                             told.push_back(run);
                           }});
  EXPECT_THAT(told, UnorderedElementsAre(0, 1, 2));
  EXPECT_TRUE(runs.over());
}

TEST(NightRuns, WhatOneThrowsIsThrownWhenTheOthersAreOver) {
  auto runs = schedule({hosts({"a"}), hosts({"b"}), hosts({"a"})});
  std::latch begun(2);
  std::atomic<int> over = 0;
  EXPECT_THROW(carry_out_all(runs, {.begins = [](size_t) {},
                                    .carry_out =
                                        [&](size_t run) {
                                          begun.arrive_and_wait();
                                          if (run == 0) throw std::runtime_error("no memory");
                                          ++over;
                                        },
                                    .ended = [](size_t) {}}),
               std::runtime_error);
  EXPECT_EQ(over, 1) << "the third never began";
}

}  // namespace
}  // namespace holdfast::lab
