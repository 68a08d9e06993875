// Which phases did each attempt go through, in their order?
#include "reports/phase_log.h"

#include <algorithm>

#include "harness/timeouts.h"

namespace holdfast::reports {

void PhaseLog::add(const PhaseEnded& phase) {
  phases_[{phase.where.target, phase.where.id, phase.where.attempt}].push_back(
      {.name = phase.phase, .took = phase.took, .ok = phase.ok});
}

const std::vector<PhaseSpan>& PhaseLog::of(const Where& where) const {
  static const std::vector<PhaseSpan> kNone;
  const auto found = phases_.find({where.target, where.id, where.attempt});
  return found == phases_.end() ? kNone : found->second;
}

std::vector<PhaseSpan> PhaseLog::take(const Where& where) {
  auto entry = phases_.extract({where.target, where.id, where.attempt});
  return entry.empty() ? std::vector<PhaseSpan>() : std::move(entry.mapped());
}

size_t phase_rank(const std::string& name) {
  const auto phase = phase_from(name);
  return phase ? static_cast<size_t>(*phase) : kPhaseLimits.size();
}

std::vector<PhaseSpan> in_order(const std::map<std::string, std::chrono::milliseconds>& sums) {
  std::vector<PhaseSpan> spans;
  for (const auto& [name, took] : sums) spans.push_back({.name = name, .took = took, .ok = true});
  std::ranges::stable_sort(spans, {}, [](const PhaseSpan& span) { return phase_rank(span.name); });
  return spans;
}

}  // namespace holdfast::reports
