// Is the time of a night and of its entries counted, and said when it is over?
#include "lab/nightly/budget.h"

#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Deadline::Clock::time_point now{};
Deadline::Clock::time_point fake_now() { return now; }

NightEntry entry(const std::string& name, std::optional<seconds> budget) {
  NightEntry one{.name = name};
  one.budget = budget;
  return one;
}

TEST(NightBudget, WithoutOneThereIsNoEnd) {
  const NightBudget budget{NightPlan()};
  EXPECT_EQ(budget.left(entry("a", {})), std::nullopt);
  EXPECT_EQ(budget.spent(entry("a", {})), std::nullopt);
}

TEST(NightBudget, AnEntryHasItsOwnForAllItsRuns) {
  NightBudget budget{NightPlan()};
  const NightEntry a = entry("a", minutes(10));
  const NightEntry b = entry("b", seconds(90));
  budget.used(a, minutes(9));
  EXPECT_EQ(budget.left(a), minutes(1));
  EXPECT_EQ(budget.spent(a), std::nullopt);
  budget.used(a, minutes(2));
  EXPECT_EQ(budget.left(a), Millis(0));
  EXPECT_EQ(budget.spent(a), "out of time: the budget of 10 min of entry a is used up");
  EXPECT_EQ(budget.left(b), seconds(90)) << "another entry's is its own";
}

TEST(NightBudget, TheNightEndsForAll) {
  NightPlan plan;
  plan.budget = minutes(60);
  const NightBudget budget(plan, &fake_now);
  now += minutes(55);
  EXPECT_EQ(budget.left(entry("a", minutes(30))), minutes(5));
  EXPECT_EQ(budget.spent(entry("a", {})), std::nullopt);
  now += minutes(6);
  EXPECT_EQ(budget.left(entry("a", {})), Millis(0));
  EXPECT_EQ(budget.spent(entry("a", {})), "out of time: the night's budget of 1 h is used up");
}

}  // namespace
}  // namespace holdfast::lab
