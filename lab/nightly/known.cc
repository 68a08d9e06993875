// Is this failure known, and may it pass today?
#include "lab/nightly/known.h"

#include <fmt/format.h>

#include "harness/plan.h"

namespace holdfast::lab {
namespace {

std::string day_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

/// A rule says nothing of what it does not name.
bool same(const std::string& wanted, const std::string& there) { return wanted.empty() || wanted == there; }

bool is_about(const KnownFailure& rule, const NightFailure& failure) {
  return filter_selects(rule.cases, failure.id) && same(rule.host, failure.target) &&
         (same(rule.kernel, failure.kernel) || rule.kernel == failure.next_kernel) && same(rule.type, failure.type) &&
         same(rule.fingerprint, failure.fingerprint);
}

}  // namespace

std::optional<std::string> known_until(const NightPlan& plan, const NightFailure& failure,
                                       std::chrono::sys_days today) {
  for (const KnownFailure& rule : plan.known_failures) {
    if (rule.until < today || !is_about(rule, failure)) continue;
    return fmt::format("until {} ({})", day_text(rule.until), rule.reason);
  }
  return std::nullopt;
}

std::vector<std::string> expired_rules(const NightPlan& plan, std::chrono::sys_days today) {
  std::vector<std::string> told;
  for (const KnownFailure& rule : plan.known_failures) {
    if (rule.until >= today) continue;
    told.push_back(fmt::format("{}: the quarantine of {} has expired on {} ({})", rule.declared_at, rule.cases,
                               day_text(rule.until), rule.reason));
  }
  return told;
}

}  // namespace holdfast::lab
