// Which part of a plan does one of several computers run?
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/plan.h"

namespace holdfast {

/// The third of eight: {3, 8}.
struct Shard {
  int number = 1;
  int count = 1;
  std::string text() const;
  bool operator==(const Shard&) const = default;
};

/// Reads "3/8". Errors: harness.usage.
Result<Shard> shard_from(std::string_view text);

/// What is dealt as one: a case, or all that must not be torn apart.
struct Share {
  std::string name;        ///< unique
  uint64_t weight_ms = 0;  ///< may be 0: what costs nothing
};

/// For each share the shard (from 0) that it goes to: the heaviest first, each to the shard that has least so far. Says
/// the same whatever the order of `shares`. No shard is heavier than the mean and the heaviest share together.
std::vector<int> deal(const std::vector<Share>& shares, int shards);

/// By target and CaseId::key(), as reports::ExpectedTimes.
using CaseTimes = std::map<std::pair<std::string, std::string>, std::chrono::milliseconds>;

/// How a plan was dealt. Shards of one deal are complete and have nothing twice.
struct Deal {
  std::vector<int> shard_of;  ///< for each case of the plan, from 0
  /// Says of two computers whether they dealt the same cards: a digest of what was dealt to whom.
  std::string digest;
};

/// Deals the cases by what they took earlier; one without a time counts as the median of the others, one that will be
/// skipped as nothing. All cases of a target in `undivided` go to the same shard.
Deal deal_plan(const Plan& plan, int shards, const CaseTimes& times, const std::set<std::string>& undivided);

/// The cases of the plan that the deal gave to a shard (from 0), in their order.
Plan part_of(const Plan& plan, const Deal& deal, int shard);

/// How long a part will take, cases without a time counting as `unknown` and those that are skipped as nothing.
std::chrono::milliseconds expected_time(const Plan& part, const CaseTimes& times, std::chrono::milliseconds unknown);

}  // namespace holdfast
