// Does a rule let pass what it is about, for as long as it holds, and nothing else?
#include "lab/nightly/known.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::sys_days kLastDay =
    std::chrono::sys_days(std::chrono::year(2031) / std::chrono::May / std::chrono::day(17));
constexpr std::chrono::days kDay(1);

NightPlan plan_with(KnownFailure rule) {
  rule.until = kLastDay;
  rule.reason = "reported";
  rule.declared_at = "p.toml:7:1";
  NightPlan plan;
  plan.known_failures.push_back(std::move(rule));
  return plan;
}

NightFailure failure() {
  return {.target = "n07",
          .id = {"Preserve", "Keeps", "nic"},
          .type = "kernel.oops",
          .fingerprint = "0a1b",
          .kernel = "main",
          .next_kernel = "next"};
}

bool passes(const KnownFailure& rule) { return known_until(plan_with(rule), failure(), kLastDay).has_value(); }

TEST(KnownFailures, PassWhereEveryWordOfTheRuleIsTrue) {
  EXPECT_TRUE(passes({.cases = "Preserve.*"}));
  EXPECT_TRUE(passes({.cases = "Preserve.Keeps/nic"}));
  EXPECT_TRUE(
      passes({.cases = "Preserve.*", .host = "n07", .kernel = "main", .type = "kernel.oops", .fingerprint = "0a1b"}));
  EXPECT_TRUE(passes({.cases = "Preserve.*", .kernel = "next"})) << "either kernel";
}

TEST(KnownFailures, FailWhereOneIsNot) {
  EXPECT_FALSE(passes({.cases = "Retrieve.*"}));
  EXPECT_FALSE(passes({.cases = "Preserve.Keeps/nvme"}));
  EXPECT_FALSE(passes({.cases = "Preserve.*", .host = "n08"}));
  EXPECT_FALSE(passes({.cases = "Preserve.*", .kernel = "stock"}));
  EXPECT_FALSE(passes({.cases = "Preserve.*", .type = "kernel.hang"}));
  EXPECT_FALSE(passes({.cases = "Preserve.*", .fingerprint = "ffff"}));
}

TEST(KnownFailures, HoldThroughTheirLastDayAndAreThenToldOf) {
  const NightPlan plan = plan_with({.cases = "Preserve.*"});
  EXPECT_EQ(known_until(plan, failure(), kLastDay), "until 2031-05-17 (reported)");
  EXPECT_THAT(expired_rules(plan, kLastDay), IsEmpty());
  EXPECT_EQ(known_until(plan, failure(), kLastDay + kDay), std::nullopt);
  EXPECT_THAT(expired_rules(plan, kLastDay + kDay),
              ElementsAre("p.toml:7:1: the quarantine of Preserve.* has expired on 2031-05-17 (reported)"));
}

}  // namespace
}  // namespace holdfast::lab
