// How do several runs become one report?
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "reports/history/run_results.h"
#include "reports/phase_log.h"
#include "reports/record.h"

namespace holdfast::reports {

/// Changes an event of a run on its way, or says with false that it is left out.
using EventEdit = std::function<bool(Event&)>;

/// A run that is to be part of a whole.
struct MergeSource {
  RunHead head;
  EventEdit edit = {};  ///< nothing: all as it is
};

/// Tells runs one after another, each as it goes by, as the events of one run in `folder`. They are taken in the order
/// of their begin, whatever the order given.
///
/// A case that several runs have in the same suite (target and kernels) is one case: its attempts are put together in
/// that order, numbered on, and settled anew as if one run had made them all. So a pass and a failure make it flaky, an
/// error is forgiven by a later attempt that was judged, and a skip counts only when no run tried.
///
/// Facts about a suite that differ are those of the last run. Paths of attempts are made relative to `folder`. `take`
/// hears neither a beginning nor an end: what they would say is the answer. It was interrupted when one of the runs
/// was, or did not end. Errors: as read_results.
struct WholeRun {
  RunStarted started;
  bool interrupted = false;
  std::chrono::milliseconds took{0};
};
Result<WholeRun> tell_merged(std::vector<MergeSource> sources, const std::filesystem::path& folder,
                             const EventTaker& take);

/// Several runs as one.
struct MergedRuns {
  RunRecord record;
  PhaseLog phases;
};

struct MergeSettings {
  size_t enough_cases;        ///< for the PhaseLog
  std::string name = {};      ///< of the whole; empty: those of all runs
  bool forgives_cut = false;  ///< what was cut off shows in the cases that it left out, not as an interruption
  std::vector<std::string> notes = {};  ///< warnings about the whole; with one of them it is no success
};

/// Merges the runs, at least one, in the deepest folder that holds them all. Errors: as read_results.
Result<MergedRuns> merged(std::vector<MergeSource> sources, const MergeSettings& settings);

/// Those files, as they are. Errors: as head_of_run.
Result<std::vector<MergeSource>> merge_sources(const std::vector<std::filesystem::path>& files);

}  // namespace holdfast::reports
