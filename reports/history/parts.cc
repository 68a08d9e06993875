// Do these runs make a whole, and are they about the same kernels?
#include "reports/history/parts.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "harness/base/text.h"

namespace holdfast::reports {
namespace {

std::string property(const MergeSource& run, const std::string& name) {
  const Properties& properties = run.head.started.properties;
  const auto found = properties.find(name);
  return found == properties.end() ? "" : found->second;
}

/// The kernels of a run, or empty when it does not say.
std::string builds_of(const MergeSource& run) {
  const std::string a = property(run, "kernel.build_id");
  const std::string b = property(run, "next_kernel.build_id");
  return a.empty() && b.empty() ? "" : fmt::format("{}..{}", a.substr(0, 8), b.substr(0, 8));
}

/// Shards that belong together: of the same targets and kernels, and as many.
using DealKey = std::tuple<std::string, std::string, std::string>;

struct Hands {
  std::set<uint64_t> numbers;
  std::map<std::string, std::string> deals;  ///< digest to a run that has it
};

Result<std::vector<std::string>> missing_shards(const std::vector<MergeSource>& runs) {
  std::map<DealKey, Hands> hands;
  for (const MergeSource& run : runs) {
    const std::string shard = property(run, kShard);
    const size_t slash = shard.find('/');
    if (slash == std::string::npos) continue;
    Hands& found = hands[{property(run, "target"), builds_of(run), shard.substr(slash + 1)}];
    found.numbers.insert(parse_u64(shard.substr(0, slash)).value_or(0));
    found.deals.try_emplace(property(run, kDeal), run.head.source.parent_path().string());
  }
  std::vector<std::string> missing;
  for (const auto& [key, found] : hands) {
    if (found.deals.size() > 1) {
      return usage_error(fmt::format("{} and {} are no shards of the same: their cases were dealt differently",
                                     found.deals.begin()->second, found.deals.rbegin()->second))
          .because("run all shards with the same cases, kernels and --times");
    }
    const std::string& count = std::get<2>(key);
    for (uint64_t number = 1; number <= parse_u64(count).value_or(0); ++number) {
      if (!found.numbers.contains(number)) {
        missing.push_back(fmt::format("shard {}/{} of {} is missing", number, count, std::get<0>(key)));
      }
    }
  }
  return missing;
}

/// Events that name a suite.
std::string* suite_in(Event& event) {
  if (auto* settled = std::get_if<CaseSettled>(&event)) return &settled->suite;
  if (auto* facts = std::get_if<SuiteFacts>(&event)) return &facts->suite;
  return nullptr;
}

/// Names that are used for more than one pair of kernels. The runs are read for it only when there is more than one.
Result<std::set<std::string>> ambiguous_suites(const std::vector<MergeSource>& runs) {
  std::set<std::string> pairs;
  for (const MergeSource& run : runs) pairs.insert(builds_of(run));
  pairs.erase("");
  std::set<std::string> ambiguous;
  if (pairs.size() < 2) return ambiguous;
  std::map<std::string, std::set<std::string>> builds;
  for (const MergeSource& run : runs) {
    const std::string of_run = builds_of(run);
    if (of_run.empty()) continue;
    TRY(tell_run(run.head.source, [&](Event event, WallClock::time_point) {
      if (run.edit && !run.edit(event)) return;
      if (const std::string* suite = suite_in(event)) builds[*suite].insert(of_run);
    }));
  }
  for (const auto& [name, several] : builds) {
    if (several.size() > 1) ambiguous.insert(name);
  }
  return ambiguous;
}

/// What is done to a run's events behind its own edit.
EventEdit fitting(const MergeSource& run, const std::shared_ptr<const std::set<std::string>>& ambiguous) {
  return [before = run.edit, builds = builds_of(run), ambiguous](Event& event) {
    if (before && !before(event)) return false;
    if (auto* started = std::get_if<RunStarted>(&event)) {
      started->properties.erase(kShard);
      started->properties.erase(kDeal);
    }
    std::string* suite = suite_in(event);
    if (suite != nullptr && !builds.empty() && ambiguous->contains(*suite)) *suite += fmt::format(" ({})", builds);
    return true;
  };
}

}  // namespace

Result<std::vector<std::string>> fit_together(std::vector<MergeSource>& runs) {
  auto missing = TRY(missing_shards(runs));
  const auto ambiguous = std::make_shared<const std::set<std::string>>(TRY(ambiguous_suites(runs)));
  for (MergeSource& run : runs) run.edit = fitting(run, ambiguous);
  return missing;
}

}  // namespace holdfast::reports
