// How did times and pass rate move from run to run, and since when?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// Where a series stepped from one level to another.
struct Step {
  size_t at;  ///< index of the first value on the new level
  double before;
  double after;
};

/// The one step that explains the series best (least sum of distances from the medians on both sides), with at least
/// kLeastSide values on each side; nothing when these are not two levels (levels_differ), or by no more than 20 ms or 3
/// %.
std::optional<Step> find_step(const std::vector<double>& series);
inline constexpr size_t kLeastSide = 3;

/// One phase, or "milestone agent" and the like, over the runs in which it came.
struct PhaseTrend {
  std::string phase;
  std::vector<size_t> runs;     ///< index of each run
  std::vector<double> medians;  ///< over the cases that are compared, in ms
  std::optional<Step> step;     ///< `at` counts in `medians`; its levels are at the usual pace
};

struct Trend {
  std::vector<std::string> names;  ///< of the runs, oldest first
  std::vector<WallClock::time_point> begun;
  std::vector<Tally> tallies;
  size_t compared_cases = 0;
  std::vector<PhaseTrend> phases;
};

/// Times are compared over the cases that passed in at least four of five runs, so that a case that comes or goes moves
/// no curve. A step is looked for in what each run would have taken at the usual pace of the other phases, as compare()
/// does: a night on a busy computer is no step. `runs` are in order.
Trend trend_of(const std::vector<RunResults>& runs);

/// The steps, a line each: "kexec: 1002 ms -> 1082 ms (+80 ms) since 2001-09-24T01:46:40Z (run r15)".
std::string trend_text(const Trend& trend);

/// The trend as a page: a chart of the pass rate and one of each phase.
std::string trend_page(const Trend& trend);

}  // namespace holdfast::reports
