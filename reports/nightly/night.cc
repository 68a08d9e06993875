// How do the runs of a night become one run that reports and later nights can read?
#include "reports/nightly/night.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/event_codec.h"
#include "reports/history/merge.h"
#include "reports/html/html_report.h"
#include "reports/journal.h"
#include "reports/junit.h"

namespace holdfast::reports {
namespace fs = std::filesystem;
namespace {

constexpr const char* kKernels = "kernels";  ///< in place of a target

/// Gives the suites of a run the night's names.
EventEdit renamed(const std::map<std::string, std::string>& names) {
  return [names](Event& event) {
    const auto rename = [&](std::string& suite) {
      const auto known = names.find(suite.substr(0, suite.find('/')));
      if (known != names.end()) suite = known->second;
    };
    if (auto* settled = std::get_if<CaseSettled>(&event)) rename(settled->suite);
    if (auto* facts = std::get_if<SuiteFacts>(&event)) rename(facts->suite);
    return true;
  };
}

RunRecord record_of(const JournalEvents& log) {
  size_t at = 0;
  RunRecord record([&] { return log.times[at]; });
  for (; at < log.events.size(); ++at) record.add(log.events[at]);
  return record;
}

class NightLog {
 public:
  explicit NightLog(Night night) : night_(std::move(night)) {}

  Result<JournalEvents> take() {
    TRY(add_results());
    // The runs are told one after another, and went on side by side: which was over last is not said by the order.
    const auto now = log_.times.empty() ? WallClock::now() : *std::ranges::max_element(log_.times);
    for (const PreparedKernel& kernel : night_.kernels) add_kernel(kernel);
    for (const DoneJob& job : night_.jobs) add_rest(job);
    for (const std::string& warning : night_.warnings) add(Note{Note::Level::kWarning, warning});
    for (Event& event : log_.events) {
      if (auto* settled = std::get_if<CaseSettled>(&event)) let_pass(*settled, night_.known);
    }
    log_.times.resize(log_.events.size(), now);
    RunStarted started{.run_id = night_.run_id,
                       .out_dir = night_.dir.string(),
                       .planned = 0,
                       .skipped = 0,
                       .properties = night_.properties};
    for (const DoneJob& job : night_.jobs) started.planned += static_cast<int>(job.planned.size());
    const auto first = log_.times.empty() ? now : *std::ranges::min_element(log_.times);
    log_.times.insert(log_.times.begin(), night_.begun.value_or(first));
    log_.events.insert(log_.events.begin(), std::move(started));
    const Tally tally = record_of(log_).tally();
    log_.times.push_back(now);
    log_.events.push_back(RunEnded{.tally = tally,
                                   .interrupted = night_.interrupted,
                                   .exit_code = exit_code(tally, night_.interrupted),
                                   .took = night_.took});
    return std::move(log_);
  }

 private:
  void add(Event event) { log_.events.push_back(std::move(event)); }

  /// The night has a beginning and an end of its own.
  Result<void> add_results() {
    std::vector<MergeSource> runs;
    for (const DoneJob& job : night_.jobs) {
      if (job.results) runs.push_back({.head = TRY(head_of_run(job.results->source)), .edit = renamed(job.suites)});
    }
    TRY(tell_merged(std::move(runs), night_.dir, [this](Event event, WallClock::time_point at) {
      log_.events.push_back(std::move(event));
      log_.times.push_back(at);
    }));
    return {};
  }

  void add_kernel(const PreparedKernel& kernel) {
    CaseSettled settled{.suite = fmt::format("{}/{}", kKernels, kernel.name),
                        .target = kKernels,
                        .id = {"Night", "KernelIsThere", ""},
                        .verdict = kernel.verdict,
                        .attempts = {},
                        .phases = {},
                        .replay = {}};
    AttemptEnded attempt;
    attempt.where = {.target = kKernels, .id = settled.id};
    attempt.verdict = kernel.verdict;
    attempt.took = kernel.took;
    settled.attempts.push_back(std::move(attempt));
    add(SuiteFacts{.suite = settled.suite, .properties = kernel.facts});
    add(std::move(settled));
  }

  /// What the job was to run and has no result.
  void add_rest(const DoneJob& job) {
    for (const auto& [target, suite] : job.suites) add(SuiteFacts{.suite = suite, .properties = job.facts});
    std::set<std::pair<std::string, CaseId>> settled;
    if (job.results) {
      for (const auto& [name, suite] : job.results->record.suites()) {
        for (const auto& [id, one] : suite.cases) settled.insert({one.target, id});
      }
    }
    for (const auto& [target, id] : job.planned) {
      if (settled.contains({target, id})) continue;
      add(CaseSettled{.suite = job.suites.at(target),
                      .target = target,
                      .id = id,
                      .verdict = job.rest,
                      .attempts = {},
                      .phases = {},
                      .replay = {}});
    }
  }

  Night night_;
  JournalEvents log_;
};

/// In one step: a journal that is half written would be half a night.
Result<void> write_journal(const fs::path& file, const JournalEvents& log, const OnTrouble& on_trouble) {
  const fs::path beside = file.string() + ".new";
  std::error_code failed;
  fs::remove(beside, failed);
  size_t at = 0;
  {
    const auto journal = TRY(Journal::open(beside, on_trouble, [&] { return log.times[at]; }));
    for (; at < log.events.size(); ++at) journal->on(log.events[at]);
  }
  fs::rename(beside, file, failed);
  if (failed) return system_error(fmt::format("rename {}", beside.string()), failed.value());
  return {};
}

/// What the first line of its journal says; a run's folder may be large, and most are no nights of this plan.
std::string plan_of(const fs::path& folder) {
  std::ifstream journal(folder / "journal.jsonl");
  std::string line;
  std::getline(journal, line);
  const auto first = decode_event(line);
  const auto* started = first ? std::get_if<RunStarted>(&*first) : nullptr;
  if (started == nullptr) return {};
  const auto name = started->properties.find(kNightPlan);
  return name == started->properties.end() ? "" : name->second;
}

}  // namespace

void let_pass(CaseSettled& settled, const KnownFailure& known) {
  const Outcome outcome = settled.verdict.outcome;
  if (!known || (outcome != Outcome::kFailed && outcome != Outcome::kFlaky)) return;
  const auto why = known(settled.suite, settled);
  if (!why) return;
  settled.verdict.message =
      fmt::format("known failure {}: {}: {}", *why, settled.verdict.type, settled.verdict.message);
  settled.verdict.outcome = Outcome::kSkipped;
  settled.verdict.type = kKnownFailure;
}

Result<JournalEvents> night_log(Night night) { return NightLog(std::move(night)).take(); }

Result<void> write_night(const fs::path& dir, const JournalEvents& log, const RunIdentity& identity,
                         const OnTrouble& on_trouble) {
  TRY(write_journal(dir / "journal.jsonl", log, on_trouble));
  const RunRecord record = record_of(log);
  PhaseLog phases;
  for (const Event& event : log.events) phases.add(event);
  std::error_code unknown;
  TRY(write_junit_file(record, {.hostname = identity.host, .attachments_base = fs::current_path(unknown)},
                       dir / "junit.xml"));
  TRY(write_file_atomic(dir / "report.html", run_page(record, phases, dir)));
  TRY(write_file_atomic(dir / "summary.txt", summary_text(record, dir)));
  return write_file_atomic(dir / "manifest.json", manifest_json(record, identity, iso_utc(log.times.front()),
                                                                iso_utc(log.times.front() + record.took())));
}

std::vector<RunResults> readable_runs(const fs::path& out, const std::function<bool(const fs::path&)>& wanted,
                                      std::vector<std::string>& unreadable) {
  std::vector<RunResults> runs;
  std::error_code failed;
  for (fs::directory_iterator it(out, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->is_symlink(failed) || !fs::is_regular_file(it->path() / "journal.jsonl", failed)) continue;
    if (!wanted(it->path())) continue;
    if (auto run = read_results(it->path())) {
      runs.push_back(*std::move(run));
    } else {
      unreadable.push_back(run.error().what);
    }
  }
  std::ranges::sort(runs, {},
                    [](const RunResults& one) { return std::pair(one.begun(), one.folder.filename().string()); });
  return runs;
}

std::vector<RunResults> earlier_nights(const fs::path& out, const std::string& plan, const std::string& but,
                                       std::vector<std::string>& unreadable) {
  auto nights = readable_runs(
      out, [&](const fs::path& folder) { return folder.filename() != but && plan_of(folder) == plan; }, unreadable);
  std::ranges::reverse(nights);
  return nights;
}

}  // namespace holdfast::reports
