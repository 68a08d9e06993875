// What is new tonight, since when, and how is the commit found that did it?
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// From where it still worked to where it was first seen broken.
struct CommitRange {
  std::string kernel = {};  ///< "kernel" or "next kernel"
  std::string tree = {};
  std::string good = {};  ///< commits
  std::string bad = {};
  std::string command = {};  ///< the bisection; empty: `why_not` says why there is none
  std::string why_not = {};
};

/// A case that is not well tonight, or is again.
struct NightCase {
  std::string suite;
  CaseId id;
  std::string mark = {};  ///< by which the failure is known again: mark_of()
  Verdict verdict = {};
  std::string replay = {};
  std::string last_good = {};      ///< the newest night in which it passed, "479a07 of 2031-05-17T01:00:00Z"; or empty
  std::string failing_since = {};  ///< the night in which this failure was first seen after that; empty: tonight
  std::vector<CommitRange> ranges = {};
};

/// The cases that failed in the same way, by mark_of().
struct FailureGroup {
  std::string mark;
  std::vector<NightCase> cases;
};

struct NightNews {
  std::string name;      ///< of the night
  std::string baseline;  ///< the night before; empty: this is the first one
  Tally tally;
  std::vector<FailureGroup> new_failures;  ///< those that did not fail in this way when they were last judged
  std::vector<FailureGroup> still_failing;
  std::vector<NightCase> new_errors;  ///< what could not be judged, and could when it was last tried
  std::vector<NightCase> known;       ///< in quarantine
  std::vector<NightCase> fixed;
  std::map<std::string, int> skipped;  ///< how many cases, by reason
  std::vector<std::string> soaks;      ///< what many live updates in a row showed
  std::vector<std::string> warnings;

  bool has_news() const { return !new_failures.empty() || !new_errors.empty() || !fixed.empty(); }
  bool has_problems() const { return tally.failed > 0 || tally.errors > 0; }
};

/// `earlier` are the nights before, the newest first.
NightNews news_of(const RunResults& tonight, const std::vector<RunResults>& earlier);

/// "[holdfast] lab-1: 2 new failures, 1 fixed; 120 passed, 2 failed, 0 errors, 0 skipped".
std::string news_subject(const NightNews& news, const std::string& plan);

/// For a mail: what is new first, then what is known.
std::string news_text(const NightNews& news, const RunResults& tonight);

}  // namespace holdfast::reports
