// What came of all that was submitted to a cluster, whatever finished when?
#include "reports/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/history/merge.h"
#include "reports/history/parts.h"
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

CaseSettled skipped(const ExpectedCase& expected) {
  return {.suite = expected.suite,
          .target = expected.target,
          .id = expected.id,
          .verdict = Verdict::from(cannot(expected.skip_reason)),
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

/// What of the expected is not there.
void leave_missing(RunResults& planned, const std::set<CaseKey>& there, const fs::path& array,
                   const std::map<int, std::string>& troubles) {
  JournalEvents left;
  for (size_t i = 0; i < planned.log.events.size(); ++i) {
    Event event = planned.log.events[i];
    if (auto* settled = std::get_if<CaseSettled>(&event)) {
      if (there.contains({settled->target, settled->id})) continue;
      if (settled->attempts.empty()) {  // skipped by the plan
        left.events.push_back(std::move(event));
        left.times.push_back(planned.log.times[i]);
        continue;
      }
      const auto trouble = troubles.find(task_of(*settled));
      add_log(*settled, array, trouble == troubles.end() ? "" : trouble->second);
    }
    left.events.push_back(std::move(event));
    left.times.push_back(planned.log.times[i]);
  }
  planned.log = std::move(left);
  planned.record = record_of(planned.log);
}

/// The results of one array of tasks, then what is missing of it.
Result<std::vector<RunResults>> results_of(const fs::path& array) {
  RunResults planned = TRY(read_results(array / kPlanned));
  std::set<int> tasks;
  for (const Event& event : planned.log.events) {
    const auto* settled = std::get_if<CaseSettled>(&event);
    if (settled != nullptr && !settled->attempts.empty()) tasks.insert(task_of(*settled));
  }
  std::vector<RunResults> all;
  std::set<CaseKey> there;
  std::map<int, std::string> troubles;
  for (const int task : tasks) {
    std::error_code unknown;
    const fs::path folder = task_folder(array, task);
    if (!fs::exists(folder / "journal.jsonl", unknown)) continue;
    auto results = read_results(folder);
    if (!results) {
      troubles[task] = results.error().what;
      continue;
    }
    for (const auto& [name, suite] : results->record.suites()) {
      for (const auto& [id, settled] : suite.cases) there.insert({settled.target, id});
    }
    all.push_back(*std::move(results));
  }
  leave_missing(planned, there, array, troubles);
  if (!planned.record.suites().empty()) all.push_back(std::move(planned));
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

/// Its name is that of the submission, not of all its tasks. What was cut off shows in the cases that it left out; the
/// whole was not interrupted.
void end_whole(JournalEvents& log, const fs::path& submission) {
  auto* started = log.events.empty() ? nullptr : std::get_if<RunStarted>(&log.events.front());
  if (started != nullptr) started->run_id = submission.filename().string();
  auto* ended = log.events.empty() ? nullptr : std::get_if<RunEnded>(&log.events.back());
  if (ended == nullptr) return;
  ended->interrupted = false;
  ended->exit_code = exit_code(ended->tally, false);
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
    if (!expected.skip_reason.empty()) {
      journal->on(skipped(expected));
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

Result<ReportAnswer> report_submission(const fs::path& submission) {
  std::vector<RunResults> all;
  for (const fs::path& array : TRY(arrays_of(submission))) {
    for (RunResults& one : TRY(results_of(array))) all.push_back(std::move(one));
  }
  // What a shard that is missing would have had is an error of its own by now.
  static_cast<void>(TRY(fit_together(all)));
  std::vector<const RunResults*> each;
  for (const RunResults& one : all) each.push_back(&one);
  JournalEvents log = merged(std::move(each));
  end_whole(log, submission);
  return write_merged(log, submission / "merged");
}

}  // namespace holdfast::reports
