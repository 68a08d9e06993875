// Do shards make a whole, and a fair one?
#include "harness/shard.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/// A plan of made-up cases on up to three targets, every seventh skipped.
Plan plan_of(int cases, std::mt19937& random) {
  static const CaseInfo info{};
  Plan plan;
  for (int i = 0; i < cases; ++i) {
    PlannedCase planned;
    planned.target = fmt::format("t{}", random() % 3);
    planned.info = &info;
    planned.id = {"Suite", fmt::format("Case{}", i), i % 2 == 0 ? "nic" : ""};
    if (i % 7 == 6) planned.skip_reason = "no";
    plan.cases.push_back(planned);
  }
  return plan;
}

CaseTimes times_of(const Plan& plan, std::mt19937& random) {
  CaseTimes times;
  for (const PlannedCase& planned : plan.cases) {
    if (random() % 4 != 0) times[{planned.target, planned.id.key()}] = milliseconds(1 + random() % 60'000);
  }
  return times;
}

std::string name_of(const PlannedCase& planned) { return planned.target + " " + planned.id.key(); }

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedCase& planned : plan.cases) names.push_back(name_of(planned));
  std::ranges::sort(names);
  return names;
}

TEST(Shard, IsReadFromTwoNumbers) {
  EXPECT_EQ(*shard_from("3/8"), (Shard{3, 8}));
  EXPECT_EQ(shard_from("3/8")->text(), "3/8");
  for (const char* wrong : {"", "3", "/", "0/8", "9/8", "-1/8", "3/0", "3/8/2", "a/b", " 3/8", "1/999999999999"}) {
    const auto shard = shard_from(wrong);
    ASSERT_FALSE(shard.ok()) << wrong;
    EXPECT_THAT(shard.error().what, HasSubstr("is no shard"));
  }
}

TEST(Deal, IsCompleteAndDisjointWhateverThePlan) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const Plan plan = plan_of(static_cast<int>(random() % 90), random);
    const CaseTimes times = times_of(plan, random);
    const int shards = static_cast<int>(1 + random() % 12);
    const std::set<std::string> undivided = random() % 2 == 0 ? std::set<std::string>{"t1"} : std::set<std::string>{};
    const Deal dealt = deal_plan(plan, shards, times, undivided);
    std::vector<std::string> together;
    std::set<int> holders;
    for (int shard = 0; shard < shards; ++shard) {
      for (const PlannedCase& planned : part_of(plan, dealt, shard).cases) {
        together.push_back(name_of(planned));
        if (undivided.contains(planned.target)) holders.insert(shard);
      }
    }
    std::ranges::sort(together);
    EXPECT_EQ(together, names_of(plan)) << "seed " << seed;
    EXPECT_LE(holders.size(), 1U) << "seed " << seed << ": a target that is undivided was torn apart";
  }
}

TEST(Deal, DoesNotDependOnTheOrderOfThePlan) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const Plan plan = plan_of(60, random);
    const CaseTimes times = times_of(plan, random);
    Plan shuffled = plan;
    std::ranges::shuffle(shuffled.cases, random);
    const Deal one = deal_plan(plan, 7, times, {"t2"});
    const Deal other = deal_plan(shuffled, 7, times, {"t2"});
    EXPECT_EQ(one.digest, other.digest);
    for (int shard = 0; shard < 7; ++shard) {
      EXPECT_EQ(names_of(part_of(plan, one, shard)), names_of(part_of(shuffled, other, shard)));
    }
  }
}

TEST(Deal, IsBalancedByTimes) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    std::vector<Share> shares(1 + random() % 80);
    uint64_t sum = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      shares[i] = {fmt::format("share {}", i), random() % 60'000};
      sum += shares[i].weight_ms;
      most = std::max(most, shares[i].weight_ms);
    }
    const int shards = static_cast<int>(1 + random() % 9);
    std::vector<uint64_t> heavy(static_cast<size_t>(shards));
    const auto dealt = deal(shares, shards);
    for (size_t i = 0; i < shares.size(); ++i) heavy[static_cast<size_t>(dealt[i])] += shares[i].weight_ms;
    EXPECT_LE(*std::ranges::max_element(heavy), sum / static_cast<uint64_t>(shards) + most) << "seed " << seed;
  }
  // By number alone, four of the slow cases would stand in one shard.
  const std::vector<Share> slow_first{{"a", 100}, {"b", 100}, {"c", 1}, {"d", 1}};
  const auto dealt = deal(slow_first, 2);
  EXPECT_NE(dealt[0], dealt[1]);
}

TEST(Deal, SpreadsWhatWeighsNothing) {
  const auto dealt = deal({{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}}, 4);
  EXPECT_EQ(std::set<int>(dealt.begin(), dealt.end()).size(), 4U);
}

TEST(Deal, TellsThatTwoComputersDealtDifferently) {
  std::mt19937 random(1);
  const Plan plan = plan_of(30, random);
  const CaseTimes times = times_of(plan, random);
  CaseTimes others = times;
  for (auto& [key, time] : others) time = milliseconds(61'000) - time;
  const std::string digest = deal_plan(plan, 4, times, {}).digest;
  EXPECT_EQ(digest, deal_plan(plan, 4, times, {}).digest);
  EXPECT_NE(digest, deal_plan(plan, 4, others, {}).digest) << "other times";
  EXPECT_NE(digest, deal_plan(plan, 5, times, {}).digest) << "another number of shards";
  Plan fewer = plan;
  fewer.cases.pop_back();
  EXPECT_NE(digest, deal_plan(fewer, 4, times, {}).digest) << "another list of cases";
}

TEST(ExpectedTime, CountsWhatIsNotKnownAndLeavesOutWhatIsSkipped) {
  std::mt19937 random(3);
  Plan plan = plan_of(3, random);
  plan.cases[2].skip_reason = "no";
  const CaseTimes times{{{plan.cases[0].target, plan.cases[0].id.key()}, milliseconds(500)}};
  EXPECT_EQ(expected_time(plan, times, milliseconds(7000)), milliseconds(7500));
}

}  // namespace
}  // namespace holdfast
