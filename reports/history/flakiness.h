// How often does each case fail when nothing but chance changes?
#pragma once

#include <string>
#include <vector>

#include "reports/history/run_results.h"
#include "reports/history/statistics.h"

namespace holdfast::reports {

/// One case with one pair of kernel builds on one target. An attempt that was judged is a trial; lab and harness
/// errors and skips are none.
struct CaseRate {
  std::string suite;
  std::string builds;  ///< of both kernels, short: "129b9736..129b9736"; empty when the runs do not say
  CaseId id;
  int trials = 0;
  int failures = 0;
  int errors = 0;
  Interval interval{0, 1};  ///< of the share of failures, 95 %
  std::string history;      ///< a letter per run, oldest first: . passed, F failed, ~ flaky, E error, s skipped

  /// It both passed and failed with the same kernels: a case that fails on one build and passes on another is none.
  bool flaky() const { return failures > 0 && failures < trials; }
};

/// Flaky ones first, then by the lower end of the interval, those that may fail most on top.
std::vector<CaseRate> failure_rates(const std::vector<RunResults>& runs);

/// A table of those that are flaky or fail, and a line that counts the rest.
std::string rates_text(const std::vector<CaseRate>& rates, size_t runs);

}  // namespace holdfast::reports
