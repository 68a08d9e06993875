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

void PhaseLog::add(const Milestone& milestone) {
  const Where& where = milestone.where;
  milestones_[{where.target, where.id, where.attempt}].push_back({.key = milestone.key(), .at = milestone.at});
}

void PhaseLog::add(const Event& event) {
  if (const auto* phase = std::get_if<PhaseEnded>(&event)) add(*phase);
  if (const auto* milestone = std::get_if<Milestone>(&event)) add(*milestone);
  const auto* settled = std::get_if<CaseSettled>(&event);
  if (settled == nullptr || ++settled_ <= enough_cases_) return;
  if (settled->verdict.outcome != Outcome::kPassed || settled->attempts.size() != 1) return;
  take(settled->attempts.front().where);
  take_milestones(settled->attempts.front().where);
}

const std::vector<MilestoneSpot>& PhaseLog::milestones_of(const Where& where) const {
  static const std::vector<MilestoneSpot> kNone;
  const auto found = milestones_.find({where.target, where.id, where.attempt});
  return found == milestones_.end() ? kNone : found->second;
}

std::vector<MilestoneSpot> PhaseLog::take_milestones(const Where& where) {
  auto entry = milestones_.extract({where.target, where.id, where.attempt});
  return entry.empty() ? std::vector<MilestoneSpot>() : std::move(entry.mapped());
}

namespace {

constexpr std::string_view kComparedAs = "milestone ";

size_t milestone_rank(std::string_view name) {
  return static_cast<size_t>(std::ranges::find(kMilestones, name) - kMilestones.begin());
}

}  // namespace

std::vector<MilestoneSpot> milestones_in_order(const std::map<std::string, std::chrono::milliseconds>& milestones) {
  std::vector<MilestoneSpot> spots;
  for (const auto& [key, at] : milestones) spots.push_back({.key = key, .at = at});
  std::ranges::stable_sort(spots, {}, [](const MilestoneSpot& spot) { return milestone_rank(milestone_of(spot.key)); });
  return spots;
}

std::optional<std::string> compared_name(std::string_view milestone_key) {
  // "exec" is where the others are counted from.
  const std::string_view name = milestone_of(milestone_key);
  if (milestone_key.find('#') != std::string_view::npos || name == kMilestones.front()) return std::nullopt;
  return std::string(kComparedAs) + std::string(name);
}

bool is_way_to_next_kernel(std::string_view name) {
  return name == to_string(Phase::kKexec) || name == to_string(Phase::kWait) || name.starts_with(kComparedAs);
}

size_t phase_rank(const std::string& name) {
  if (const auto phase = phase_from(name)) return static_cast<size_t>(*phase);
  const size_t behind = name.starts_with(kComparedAs)
                            ? milestone_rank(std::string_view(name).substr(kComparedAs.size()))
                            : kMilestones.size();
  return kPhaseLimits.size() + behind;
}

std::vector<PhaseSpan> in_order(const std::map<std::string, std::chrono::milliseconds>& sums) {
  std::vector<PhaseSpan> spans;
  for (const auto& [name, took] : sums) spans.push_back({.name = name, .took = took, .ok = true});
  std::ranges::stable_sort(spans, {}, [](const PhaseSpan& span) { return phase_rank(span.name); });
  return spans;
}

}  // namespace holdfast::reports
