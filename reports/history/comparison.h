// What is different in run B from run A, beyond noise?
#pragma once

#include <string>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// A case as both runs saw it.
struct CaseChange {
  std::string where;  ///< the target, or the suite where a target has several; empty when each run has but one suite
  CaseId id;
  Verdict before;
  Verdict after;
};

/// A phase whose time changed.
struct PhaseChange {
  std::string what;  ///< the case, or "all cases"
  std::string phase;
  double before_ms;   ///< medians
  double after_ms;    ///< at A's pace
  std::string basis;  ///< on how much it rests: "5 and 5 repeats", "one time each", "17 of 18 cases grew"
};

struct Comparison {
  std::vector<CaseChange> new_failures;   ///< fails in B and did not in A, whatever it did there
  std::vector<CaseChange> fixed;          ///< failed in A, passed in B
  std::vector<CaseChange> still_failing;  ///< in both
  std::vector<CaseChange> new_errors;     ///< B could not judge what A judged
  std::vector<CaseChange> new_skips;      ///< A ran it, B skipped it
  std::vector<CaseChange> gone;           ///< A ran it, B does not know it
  std::vector<PhaseChange> phases;
  double pace = 1;   ///< median of B's times by A's in all that is not the way to the next kernel; 1 when not known
  int compared = 0;  ///< cases that are in both

  /// 1 when there is a new failure, else 2 when there is a new error, else 0.
  int exit_code() const;
};

/// Cases are matched by target and name; when each run has but one suite, by name alone, so that two hosts or two
/// kernels can be compared; when a target has several suites in one of the runs, by suite and name.
///
/// Times are those of attempts that passed, in cases that passed in both runs, a phase that comes several times in an
/// attempt being one sum.
///
/// A computer is now faster and now slower, and all that it does with it: the same kernel's runs, one after the other
/// on one that did nothing else, differ by up to a tenth (recorded_runs.txt). So a phase is judged at the pace of the
/// others: the median of after / before over all times of at least 20 ms in other phases, those of the way to the next
/// kernel being one phase with its milestones. At that pace, with kEnoughRepeats or more on both sides a phase has
/// changed when these are two levels (levels_differ) more than 20 ms and 5 % apart; with fewer when the medians are
/// more than 100 ms and 35 % apart. Over all cases together, of which there have to be kEnoughCases, when the median of
/// the differences is more than 20 ms and 5 % and most go its way (sign test at 7 %); where there are not enough other
/// times for a pace, more than 12 %.
Comparison compare(const RunResults& a, const RunResults& b);

inline constexpr size_t kEnoughRepeats = 3;
inline constexpr size_t kEnoughCases = 8;

/// The comparison as text for a terminal or a mail.
std::string comparison_text(const Comparison& comparison, const RunResults& a, const RunResults& b);

}  // namespace holdfast::reports
