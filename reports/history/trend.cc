// How did times and pass rate move from run to run, and since when?
#include "reports/history/trend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "reports/history/statistics.h"

namespace holdfast::reports {

namespace {

using Key = std::pair<std::string, CaseId>;  ///< target, case

std::vector<Key> passed_cases(const RunResults& run) {
  std::vector<Key> keys;
  for (const auto& [name, suite] : run.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      if (settled.verdict.outcome == Outcome::kPassed) keys.emplace_back(settled.target, id);
    }
  }
  return keys;
}

/// The cases that passed in at least four of five runs.
std::set<Key> steady_cases(const std::vector<RunResults>& runs) {
  std::map<Key, size_t> counts;
  for (const RunResults& run : runs) {
    for (const Key& key : passed_cases(run)) ++counts[key];
  }
  std::set<Key> steady;
  for (const auto& [key, count] : counts) {
    if (5 * count >= 4 * runs.size()) steady.insert(key);
  }
  return steady;
}

/// Each phase's median over the steady cases of one run.
std::map<std::string, double> medians_of(const RunResults& run, const std::set<Key>& steady) {
  std::map<std::string, std::vector<double>> times;
  for (const auto& [name, suite] : run.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      if (settled.verdict.outcome != Outcome::kPassed || !steady.contains({settled.target, id})) continue;
      for (const auto& [phase, took] : settled.phases) times[phase].push_back(static_cast<double>(took.count()));
      for (const auto& [key, at] : settled.milestones) {
        if (const auto as = compared_name(key)) times[*as].push_back(static_cast<double>(at.count()));
      }
    }
  }
  std::map<std::string, double> medians;
  for (auto& [phase, values] : times) medians[phase] = median(std::move(values));
  return medians;
}

double distance_from_median(const std::vector<double>& values) {
  const double center = median(values);
  double sum = 0;
  for (const double value : values) sum += std::abs(value - center);
  return sum;
}

}  // namespace

std::optional<Step> find_step(const std::vector<double>& series) {
  constexpr double kLeastMs = 20;
  constexpr double kLeastShare = 0.03;
  std::optional<Step> best;
  double best_cost = 0;
  bool differ = false;
  for (size_t at = kLeastSide; at + kLeastSide <= series.size(); ++at) {
    const auto middle = series.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<double> left(series.begin(), middle);
    const std::vector<double> right(middle, series.end());
    const double cost = distance_from_median(left) + distance_from_median(right);
    if (best && cost >= best_cost) continue;
    best = Step{.at = at, .before = median(left), .after = median(right)};
    best_cost = cost;
    differ = levels_differ(left, right);
  }
  if (!best) return std::nullopt;
  const double change = std::abs(best->after - best->before);
  if (!differ || change <= kLeastMs || change <= kLeastShare * best->before) return std::nullopt;
  return best;
}

Trend trend_of(const std::vector<RunResults>& runs) {
  const std::set<Key> steady = steady_cases(runs);
  Trend trend;
  trend.compared_cases = steady.size();
  std::map<std::string, PhaseTrend> phases;
  for (size_t i = 0; i < runs.size(); ++i) {
    trend.names.push_back(runs[i].name());
    trend.begun.push_back(runs[i].begun());
    trend.tallies.push_back(runs[i].record.tally());
    for (const auto& [phase, value] : medians_of(runs[i], steady)) {
      PhaseTrend& one = phases[phase];
      one.phase = phase;
      one.runs.push_back(i);
      one.medians.push_back(value);
    }
  }
  for (auto& [name, phase] : phases) {
    phase.step = find_step(phase.medians);
    trend.phases.push_back(std::move(phase));
  }
  std::ranges::stable_sort(trend.phases, {}, [](const PhaseTrend& one) { return phase_rank(one.phase); });
  return trend;
}

std::string trend_text(const Trend& trend) {
  std::string text = fmt::format("{} runs, {} cases compared\n", trend.names.size(), trend.compared_cases);
  for (const PhaseTrend& phase : trend.phases) {
    if (!phase.step) continue;
    const size_t run = phase.runs[phase.step->at];
    text += fmt::format("{}: {:.0f} ms -> {:.0f} ms ({:+.0f} ms) since {} (run {})\n", printable(phase.phase),
                        phase.step->before, phase.step->after, phase.step->after - phase.step->before,
                        iso_utc(trend.begun[run]), printable(trend.names[run]));
  }
  return text;
}

}  // namespace holdfast::reports
