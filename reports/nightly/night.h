// How do the runs of a night become one run that reports and later nights can read?
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/artifacts.h"
#include "reports/history/run_results.h"

namespace holdfast::reports {

// What a night tells of itself, as properties of the run and facts of its suites.
inline constexpr const char* kNightPlan = "night.plan";            ///< its name; only a night has it
inline constexpr const char* kNightTree = "kernel.tree";           ///< of kernel A, when it is a branch
inline constexpr const char* kNightCommit = "kernel.commit";       ///< likewise
inline constexpr const char* kNightNextTree = "next_kernel.tree";  ///< of kernel B
inline constexpr const char* kNightNextCommit = "next_kernel.commit";
inline constexpr const char* kNightNextName = "next_kernel.name";  ///< only when it is another than kernel A
inline constexpr const char* kNightBisect = "bisect.words";        ///< what else `holdfast bisect` has to be told
inline constexpr const char* kNightNoBisect = "bisect.cannot";     ///< why there is nothing to be told

/// What was not run, or not judged, for a reason that the night knows.
inline constexpr const char* kOutOfTime = kOutOfTimeType;
inline constexpr const char* kKnownFailure = "plan.quarantine";

/// One run of the night, or what came instead.
struct DoneJob {
  std::map<std::string, std::string> suites = {};            ///< the name of each target's suite
  Properties facts = {};                                     ///< of all of them
  std::vector<std::pair<std::string, CaseId>> planned = {};  ///< target and case, whatever came of it
  std::optional<RunResults> results = {};
  Verdict rest = {};  ///< of the planned cases that have no result
};

/// A kernel that was to be fetched or built. It counts as a case, "kernels/<name>".
struct PreparedKernel {
  std::string name;
  Verdict verdict = {};
  std::chrono::milliseconds took{0};
  Properties facts = {};
};

/// Says that a failure is known: until when and why; nothing when it is not.
using KnownFailure = std::function<std::optional<std::string>(const std::string& suite, const CaseSettled& failed)>;

/// Makes of a failure that is known a skip that says so: it is told with all that it rests on, and fails nothing.
/// Without `known` nothing is.
void let_pass(CaseSettled& settled, const KnownFailure& known);

struct Night {
  std::string run_id;
  std::filesystem::path dir;  ///< its folder, absolute
  Properties properties;      ///< kNightPlan among them
  std::vector<PreparedKernel> kernels = {};
  std::vector<DoneJob> jobs = {};
  KnownFailure known = {};
  std::vector<std::string> warnings = {};
  bool interrupted = false;
  std::optional<WallClock::time_point> begun = {};  ///< nothing: when the first of its runs did
  std::chrono::milliseconds took{0};
};

/// The events of the night as those of one run. A suite is a target with kernels and an entry of the plan, by their
/// names, so that it is the same every night. A failure that is known becomes a skip that says so. The runs' files are
/// read again. Errors: as tell_merged.
Result<JournalEvents> night_log(Night night);

/// Writes what a run leaves into the night's folder: journal, junit.xml, report.html, summary.txt, manifest.json.
/// Errors: lab.io.
Result<void> write_night(const std::filesystem::path& dir, const JournalEvents& log, const RunIdentity& identity,
                         const OnTrouble& on_trouble);

/// The runs in that folder whose folder is wanted, ordered by begin. What cannot be read is left out and named in
/// `unreadable`.
std::vector<RunResults> readable_runs(const std::filesystem::path& out,
                                      const std::function<bool(const std::filesystem::path&)>& wanted,
                                      std::vector<std::string>& unreadable);

/// The nights of the plan in that folder, the newest first, without the one called `but`. What cannot be read is left
/// out and named in `unreadable`.
std::vector<RunResults> earlier_nights(const std::filesystem::path& out, const std::string& plan,
                                       const std::string& but, std::vector<std::string>& unreadable);

}  // namespace holdfast::reports
