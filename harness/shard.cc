// Which part of a plan does one of several computers run?
#include "harness/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include "harness/base/digest.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

constexpr int kMostShards = 100'000;
/// Of each case when nothing is known of any.
constexpr milliseconds kAnyTime{1000};

std::optional<int> count_from(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number == 0 || *number > kMostShards) return std::nullopt;
  return static_cast<int>(*number);
}

std::pair<std::string, std::string> key_of(const PlannedCase& planned) { return {planned.target, planned.id.key()}; }

milliseconds median_of(std::vector<milliseconds> times) {
  if (times.empty()) return kAnyTime;
  const auto middle = times.begin() + static_cast<long>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

milliseconds typical_time(const Plan& plan, const CaseTimes& times) {
  std::vector<milliseconds> known;
  for (const PlannedCase& planned : plan.cases) {
    const auto found = times.find(key_of(planned));
    if (planned.skip_reason.empty() && found != times.end()) known.push_back(found->second);
  }
  return median_of(std::move(known));
}

milliseconds time_of(const PlannedCase& planned, const CaseTimes& times, milliseconds unknown) {
  if (!planned.skip_reason.empty()) return milliseconds{0};
  const auto found = times.find(key_of(planned));
  return found == times.end() ? unknown : std::max(found->second, milliseconds{1});
}

/// What one line of the digest is about; names have no newline.
std::string share_name(const PlannedCase& planned, const std::set<std::string>& undivided) {
  if (undivided.contains(planned.target)) return planned.target;
  return planned.target + " " + planned.id.key();
}

std::string digest_of(const Plan& plan, const std::vector<int>& shard_of) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < shard_of.size(); ++i) {
    lines.push_back(fmt::format("{} {} {}", plan.cases[i].target, plan.cases[i].id.key(), shard_of[i]));
  }
  std::ranges::sort(lines);
  return sha256(join(lines, "\n")).substr(0, 16);
}

}  // namespace

std::string Shard::text() const { return fmt::format("{}/{}", number, count); }

Result<Shard> shard_from(std::string_view text) {
  const size_t slash = text.find('/');
  const auto number = count_from(text.substr(0, slash));
  const auto count = slash == std::string_view::npos ? std::nullopt : count_from(text.substr(slash + 1));
  if (number && count && *number <= *count) return Shard{*number, *count};
  return usage_error(fmt::format("'{}' is no shard", text))
      .because(fmt::format("the third of eight is 3/8; they count from 1, and there are at most {}", kMostShards));
}

std::vector<int> deal(const std::vector<Share>& shares, int shards) {
  std::vector<size_t> order(shares.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return std::tie(shares[b].weight_ms, shares[a].name) < std::tie(shares[a].weight_ms, shares[b].name);
  });
  // By weight, then by how many shares: what weighs nothing is spread as well.
  std::set<std::tuple<uint64_t, int, int>> hands;
  for (int shard = 0; shard < shards; ++shard) hands.insert({0, 0, shard});
  std::vector<int> dealt(shares.size());
  for (const size_t at : order) {
    const auto [weight, count, shard] = *hands.begin();
    hands.erase(hands.begin());
    hands.insert({weight + shares[at].weight_ms, count + 1, shard});
    dealt[at] = shard;
  }
  return dealt;
}

Deal deal_plan(const Plan& plan, int shards, const CaseTimes& times, const std::set<std::string>& undivided) {
  const milliseconds unknown = typical_time(plan, times);
  std::map<std::string, Share> shares;
  for (const PlannedCase& planned : plan.cases) {
    const std::string name = share_name(planned, undivided);
    Share& share = shares[name];
    share.name = name;
    share.weight_ms += static_cast<uint64_t>(time_of(planned, times, unknown).count());
  }
  std::vector<Share> all;
  for (const auto& [name, share] : shares) all.push_back(share);
  const std::vector<int> dealt = deal(all, shards);
  std::map<std::string, int> found;
  for (size_t i = 0; i < all.size(); ++i) found[all[i].name] = dealt[i];
  Deal whole;
  for (const PlannedCase& planned : plan.cases) whole.shard_of.push_back(found.at(share_name(planned, undivided)));
  whole.digest = digest_of(plan, whole.shard_of);
  return whole;
}

Plan part_of(const Plan& plan, const Deal& deal, int shard) {
  Plan part;
  for (size_t i = 0; i < plan.cases.size(); ++i) {
    if (deal.shard_of[i] == shard) part.cases.push_back(plan.cases[i]);
  }
  return part;
}

milliseconds expected_time(const Plan& part, const CaseTimes& times, milliseconds unknown) {
  milliseconds sum{0};
  for (const PlannedCase& planned : part.cases) sum += time_of(planned, times, unknown);
  return sum;
}

}  // namespace holdfast
