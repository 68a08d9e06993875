// What came of all that was submitted to a cluster, whatever finished when?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/event.h"
#include "reports/nightly/night.h"
#include "reports/report_verbs.h"

namespace holdfast::reports {

/// A case that a task of a submission is to run.
struct ExpectedCase {
  std::string suite;
  std::string target;
  CaseId id;
  int task = 1;
  std::string skip_reason = {};        ///< not empty: no task has to run it, this is its result
  std::optional<Verdict> result = {};  ///< known without a task, likewise
};

// The folder of a submission has one for each array of tasks:
//   <array>/planned.jsonl   what is expected of it, as a journal in which every case is missing
//   <array>/task-<n>/       the run of its n-th task, in which it goes on when it was cut off
//   <array>/task-<n>.log    what it printed
//   merged/                 what report_submission() made of it all
inline constexpr const char* kPlanned = "planned.jsonl";
std::filesystem::path task_folder(const std::filesystem::path& array, int task);
std::filesystem::path task_log(const std::filesystem::path& array, int task);

/// Property of an array: until when its tasks have time to begin, "2031-05-17T06:00:00Z".
inline constexpr const char* kBeginsUntil = "submit.until";

/// Writes what is expected of an array of tasks. `properties` say which kernels it is about.
Result<void> write_expected(const std::filesystem::path& array, const std::vector<ExpectedCase>& cases,
                            const Properties& properties);

/// Merges what the tasks have left by now into merged/junit.xml, summary.txt and report.html. A case without a result
/// is an error (lab.no-result) with the end of its task's log, so that nothing is passed over in silence. May be called
/// at any time, and any number of times. A task that never began because its time was over by `now` has its cases
/// skipped. Results stand under the suites that are expected. Failures that are `known` fail nothing. Errors:
/// harness.usage when it is no submission; lab.io.
Result<ReportAnswer> report_submission(const std::filesystem::path& submission, const KnownFailure& known = {},
                                       WallClock::time_point now = WallClock::now());

}  // namespace holdfast::reports
