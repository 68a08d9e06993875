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

/// Each phase's times in one run, by steady case.
using Times = std::map<std::string, std::map<Key, double>>;

Times times_of(const RunResults& run, const std::set<Key>& steady) {
  Times times;
  for (const auto& [name, suite] : run.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      const Key key{settled.target, id};
      if (settled.verdict.outcome != Outcome::kPassed || !steady.contains(key)) continue;
      for (const auto& [phase, took] : settled.phases) times[phase][key] = static_cast<double>(took.count());
      // Of several devices the last one counts: only then is the way over.
      for (const auto& [milestone, at] : settled.milestones) {
        const auto as = compared_name(milestone);
        if (!as) continue;
        double& latest = times[*as][key];
        latest = std::max(latest, static_cast<double>(at.count()));
      }
    }
  }
  return times;
}

double median_of(const std::map<Key, double>& times) {
  std::vector<double> values;
  for (const auto& [key, time] : times) values.push_back(time);
  return median(std::move(values));
}

/// What is usual for each phase of each case: its median over the runs.
Times usual_times(const std::vector<Times>& runs) {
  std::map<std::string, std::map<Key, std::vector<double>>> all;
  for (const Times& run : runs) {
    for (const auto& [phase, times] : run) {
      for (const auto& [key, time] : times) all[phase][key].push_back(time);
    }
  }
  Times usual;
  for (auto& [phase, times] : all) {
    for (auto& [key, values] : times) usual[phase][key] = median(std::move(values));
  }
  return usual;
}

/// How a run's phases other than that one went, by what is usual; 1 where too little is known.
double pace_beside(const std::string& phase, const Times& run, const Times& usual) {
  std::vector<double> ratios;
  for (const auto& [other, times] : run) {
    if (other == phase || is_way_to_next_kernel(other)) continue;
    for (const auto& [key, time] : times) {
      const double expected = usual.at(other).at(key);
      if (expected >= kLeastForPace && time > 0) ratios.push_back(time / expected);
    }
  }
  return ratios.size() < kEnoughForPace ? 1 : median(std::move(ratios));
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
  std::vector<Times> times;
  for (const RunResults& run : runs) {
    trend.names.push_back(run.name());
    trend.begun.push_back(run.begun());
    trend.tallies.push_back(run.record.tally());
    times.push_back(times_of(run, steady));
  }
  const Times usual = usual_times(times);
  std::map<std::string, PhaseTrend> phases;
  std::map<std::string, std::vector<double>> at_pace;
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [name, values] : times[i]) {
      PhaseTrend& one = phases[name];
      one.phase = name;
      one.runs.push_back(i);
      one.medians.push_back(median_of(values));
      at_pace[name].push_back(one.medians.back() / pace_beside(name, times[i], usual));
    }
  }
  for (auto& [name, phase] : phases) {
    phase.step = find_step(at_pace[name]);
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
