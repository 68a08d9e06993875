// What did each case come to in each run, seen from the case and from the host?
#include "reports/site/history_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/digest.h"
#include "reports/site/site.h"

namespace holdfast::reports {
namespace {

/// Who must act sooner comes first.
int badness(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFailed:
      return 4;
    case Outcome::kFlaky:
      return 3;
    case Outcome::kError:
      return 2;
    case Outcome::kPassed:
      return 1;
    case Outcome::kSkipped:
      return 0;
  }
  std::abort();
}

}  // namespace

SiteHistory site_history(const std::vector<RunResults>& runs) {
  SiteHistory history;
  for (auto run = runs.rbegin(); run != runs.rend() && history.runs.size() < kMostSiteRuns; ++run) {
    history.runs.push_back(&*run);
    for (const auto& [name, suite] : run->record.suites()) {
      for (const auto& [id, settled] : suite.cases) {
        const SiteResult result{.run = &*run, .settled = &settled};
        history.cases[id.key()][name].push_back(result);
        history.hosts[settled.target][id.key()][name].push_back(result);
      }
    }
  }
  return history;
}

const SiteResult* worst_of(const SiteCase& results, const RunResults& run) {
  const SiteResult* worst = nullptr;
  for (const auto& [suite, all] : results) {
    for (const SiteResult& one : all) {
      if (one.run != &run) continue;
      if (worst == nullptr || badness(one.settled->verdict.outcome) > badness(worst->settled->verdict.outcome)) {
        worst = &one;
      }
    }
  }
  return worst;
}

std::string page_name(const char* kind, const std::string& name) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  constexpr size_t kMost = 100;
  std::string plain = name.substr(0, kMost);
  std::ranges::replace_if(plain, [&](char c) { return kPlain.find(c) == std::string_view::npos; }, '-');
  // Two names may become one; a case's name with its device is likely to be what it seems.
  return fmt::format("{}-{}-{}.html", kind, plain, sha256(name).substr(0, 8));
}

}  // namespace holdfast::reports
