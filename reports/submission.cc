// What came of all that was submitted to a cluster, whatever finished when?
#include "reports/submission.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/attempt_files.h"
#include "reports/history/merge.h"
#include "reports/history/parts.h"
#include "reports/html/html_report.h"
#include "reports/journal.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLogLines = 20;
constexpr size_t kLogLimit = size_t{64} << 20;

using CaseKey = std::pair<std::string, CaseId>;

Verdict no_result(const ExpectedCase& expected) {
  return Verdict::from(lab_error("no-result", fmt::format("task {} left no result of it", expected.task))
                           .because("look at the end of the task's log, and at `sacct` or the node, for why it ended"));
}

/// What has its result without a task.
CaseSettled settled_already(const ExpectedCase& expected) {
  return {.suite = expected.suite,
          .target = expected.target,
          .id = expected.id,
          .verdict = expected.result.value_or(Verdict::from(cannot(expected.skip_reason))),
          .attempts = {},
          .phases = {},
          .replay = {}};
}

/// Which task a case was given to: the one attempt that was expected of it.
int task_of(const CaseSettled& missing) {
  return missing.attempts.empty() ? 0 : missing.attempts.front().where.attempt;
}

void add_log(CaseSettled& missing, const fs::path& array, const std::string& trouble) {
  const int task = task_of(missing);
  if (!trouble.empty()) missing.verdict.evidence.push_back({"its results", trouble});
  const auto log = read_file(task_log(array, task), kLogLimit);
  if (log)
    missing.verdict.evidence.push_back({fmt::format("task-{}.log", task), std::string(last_lines(*log, kLogLines))});
  missing.attempts.clear();  // none was made
}

/// What became of the tasks of an array.
struct Tasks {
  std::vector<fs::path> journals;
  std::set<CaseKey> there;
  std::map<int, std::string> troubles;  ///< of those whose results cannot be read
  std::set<int> never_began;
  std::map<std::string, std::string> suites;  ///< under which results are expected, by target
};

Result<std::set<int>> tasks_expected(const fs::path& planned, std::map<std::string, std::string>& suites) {
  std::set<int> tasks;
  TRY(tell_run(planned, [&](const Event& event, WallClock::time_point) {
    const auto* settled = std::get_if<CaseSettled>(&event);
    if (settled == nullptr) return;
    suites[settled->target] = settled->suite;
    if (!settled->attempts.empty()) tasks.insert(task_of(*settled));
  }));
  return tasks;
}

Result<Tasks> tasks_of(const fs::path& array) {
  Tasks tasks;
  for (const int task : TRY(tasks_expected(array / kPlanned, tasks.suites))) {
    std::error_code unknown;
    const fs::path journal = task_folder(array, task) / "journal.jsonl";
    if (!fs::exists(journal, unknown)) {
      // Slurm makes the log when a task begins.
      if (!fs::exists(task_log(array, task), unknown)) tasks.never_began.insert(task);
      continue;
    }
    std::set<CaseKey> there;
    const auto told = tell_run(journal, [&](const Event& event, WallClock::time_point) {
      if (const auto* settled = std::get_if<CaseSettled>(&event)) there.insert({settled->target, settled->id});
    });
    if (told) {
      tasks.there.merge(there);
      tasks.journals.push_back(journal);
    } else {
      tasks.troubles[task] = told.error().what;
    }
  }
  return tasks;
}

Verdict out_of_time(const std::string& until) {
  Verdict verdict = Verdict::from(cannot("out of time: its task had not begun by " + until));
  verdict.type = kOutOfTime;
  return verdict;
}

/// Leaves of the expected what is not there. `over`: since when nothing begins any more; or empty.
EventEdit missing_only(const fs::path& array, const Tasks& tasks, const std::string& over) {
  return [array, over, there = tasks.there, troubles = tasks.troubles, never = tasks.never_began](Event& event) {
    auto* settled = std::get_if<CaseSettled>(&event);
    if (settled == nullptr) return true;
    if (there.contains({settled->target, settled->id})) return false;
    if (settled->attempts.empty()) return true;  // it has its result already
    if (!over.empty() && never.contains(task_of(*settled))) {
      settled->verdict = out_of_time(over);
      settled->attempts.clear();
      return true;
    }
    const auto trouble = troubles.find(task_of(*settled));
    add_log(*settled, array, trouble == troubles.end() ? "" : trouble->second);
    return true;
  };
}

/// A task's results as the array expects them: its cases are among the planned ones, and stand in their suites.
EventEdit of_task(const std::map<std::string, std::string>& suites, const KnownFailure& known) {
  return [suites, known](Event& event) {
    const auto rename = [&](std::string& suite) {
      const auto expected = suites.find(suite.substr(0, suite.find('/')));
      if (expected != suites.end()) suite = expected->second;
    };
    if (auto* started = std::get_if<RunStarted>(&event)) started->planned = started->skipped = 0;
    if (auto* facts = std::get_if<SuiteFacts>(&event)) rename(facts->suite);
    if (auto* settled = std::get_if<CaseSettled>(&event)) {
      rename(settled->suite);
      let_pass(*settled, known);
    }
    return true;
  };
}

std::string over_since(const RunHead& planned, WallClock::time_point now) {
  const auto until = planned.started.properties.find(kBeginsUntil);
  if (until == planned.started.properties.end()) return {};
  const auto when = from_iso_utc(until->second);
  return when && *when <= now ? until->second : std::string();
}

/// The results of one array of tasks, and what is missing of it.
Result<std::vector<MergeSource>> results_of(const fs::path& array, const KnownFailure& known,
                                            WallClock::time_point now) {
  const Tasks tasks = TRY(tasks_of(array));
  std::vector<MergeSource> all = TRY(merge_sources(tasks.journals));
  for (MergeSource& one : all) {
    one.edit = of_task(tasks.suites, known);
    // What is missing is known here by case: two arrays of the same machines and kernels are no shards of one run.
    one.head.started.properties.erase(kShard);
  }
  RunHead planned = TRY(head_of_run(array / kPlanned));
  const std::string over = over_since(planned, now);
  all.push_back({.head = std::move(planned), .edit = missing_only(array, tasks, over)});
  return all;
}

Result<std::vector<fs::path>> arrays_of(const fs::path& submission) {
  std::set<fs::path> arrays;
  std::error_code failed;
  for (fs::directory_iterator it(submission, failed), end; !failed && it != end; it.increment(failed)) {
    if (fs::exists(it->path() / kPlanned)) arrays.insert(it->path());
  }
  if (!arrays.empty()) return std::vector<fs::path>(arrays.begin(), arrays.end());
  return usage_error(fmt::format("{}: there is no submission", submission.string()))
      .because("give the folder that `holdfast submit` named");
}

}  // namespace

fs::path task_folder(const fs::path& array, int task) { return array / fmt::format("task-{}", task); }
fs::path task_log(const fs::path& array, int task) { return array / fmt::format("task-{}.log", task); }

Result<void> write_expected(const fs::path& array, const std::vector<ExpectedCase>& cases,
                            const Properties& properties) {
  TRY(make_dirs(array));
  Result<void> written;
  const OnTrouble keep = [&](const Error& error) { written = error; };
  const auto journal = TRY(Journal::open(array / kPlanned, keep));
  journal->on(RunStarted{.run_id = array.filename().string(),
                         .out_dir = array.string(),
                         .planned = static_cast<int>(cases.size()),
                         .skipped = 0,
                         .properties = properties});
  for (const ExpectedCase& expected : cases) {
    if (!expected.skip_reason.empty() || expected.result) {
      journal->on(settled_already(expected));
      continue;
    }
    AttemptEnded attempt;
    attempt.where = {.target = expected.target, .id = expected.id, .attempt = expected.task};
    attempt.verdict = no_result(expected);
    journal->on(CaseSettled{.suite = expected.suite,
                            .target = expected.target,
                            .id = expected.id,
                            .verdict = attempt.verdict,
                            .attempts = {attempt},
                            .phases = {},
                            .replay = {}});
  }
  journal->on(RunEnded{});
  return written;
}

Result<ReportAnswer> report_submission(const fs::path& submission, const KnownFailure& known,
                                       WallClock::time_point now) {
  std::vector<MergeSource> all;
  const fs::path folder = TRY(absolute_path(submission));
  for (const fs::path& array : TRY(arrays_of(folder))) {
    for (MergeSource& one : TRY(results_of(array, known, now))) all.push_back(std::move(one));
  }
  static_cast<void>(TRY(fit_together(all)));  // which no shard is missing of
  // What was cut off shows in the cases that it left out; the whole was not interrupted.
  const MergedRuns whole = TRY(merged(
      std::move(all), {.enough_cases = kMostDetailed, .name = folder.filename().string(), .forgives_cut = true}));
  return write_merged(whole, folder / "merged");
}

}  // namespace holdfast::reports
