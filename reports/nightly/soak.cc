// What did many live updates in a row show?
#include "reports/nightly/soak.h"

#include <fmt/format.h>

#include <map>

#include "harness/base/text.h"
#include "harness/soak.h"

namespace holdfast::reports {
namespace {

/// From the old kernel's leaving to the next one's answer, kexec by kexec: "agent", "agent#2"...
std::vector<double> blackouts_of(const CaseSettled& settled) {
  std::map<uint64_t, double> by_kexec;
  for (const auto& [key, at] : settled.milestones) {
    if (milestone_of(key) != "agent") continue;
    const size_t hash = key.find('#');
    const uint64_t number = hash == std::string::npos ? 1 : parse_u64(key.substr(hash + 1)).value_or(0);
    by_kexec[number] = static_cast<double>(at.count());
  }
  std::vector<double> values;
  for (const auto& [number, ms] : by_kexec) values.push_back(ms);
  return values;
}

}  // namespace

std::vector<std::string> soak_lines(const CaseSettled& settled) {
  std::vector<std::string> lines;
  if (settled.attempts.empty()) return lines;
  const Properties& told = settled.attempts.back().properties;
  size_t updates = 0;
  for (const SoakMeasure& measure : soak_measures()) {
    const auto found = told.find(soak_property(measure.name));
    if (found == told.end()) continue;
    const auto values = numbers_from(found->second);
    updates = std::max(updates, values.size());
    lines.push_back(describe(measure, soak_trend(values, measure.least)));
  }
  if (lines.empty()) return lines;
  // Time on a shared machine wavers: a fifth of the first blackout is the least that is worth a word.
  if (const auto blackouts = blackouts_of(settled); !blackouts.empty()) {
    const SoakMeasure measure{.name = "blackout", .title = "blackout, ms", .least = blackouts.front() / 5};
    lines.push_back(describe(measure, soak_trend(blackouts, measure.least)));
  }
  lines.insert(lines.begin(), fmt::format("{} live updates", updates));
  return lines;
}

}  // namespace holdfast::reports
