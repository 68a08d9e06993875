// What do `holdfast bisect` and `holdfast bisect-step` do?
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/bisect/findings.h"
#include "harness/bisect/revisions.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/kernel/work_tree.h"
#include "harness/program/kernel_workshop.h"
#include "harness/program/program.h"
#include "reports/junit.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr int kGood = 0;
constexpr int kBad = 1;
constexpr int kCannotTest = 125;
constexpr int kStopBisection = 128;
constexpr const char* kStepKernel = "bisect-step";

/// The same question has the same folder, so that --resume finds it.
fs::path folder_of(const BisectOptions& options, const bisect::Task& task) {
  const std::string whole = fmt::format("{}\n{}\n{}\n{}", task.tree, task.good, task.bad, task.filter);
  return fs::absolute(options.what.out) / fmt::format("bisect-{}", sha256(whole).substr(0, 12));
}

/// Every commit that was tried is a case, the culprit one that failed.
void write_junit(const fs::path& file, const bisect::Progressed& found, const bisect::Task& task,
                 const reports::OnTrouble& tell) {
  using Kind = bisect::CommitFinding::Kind;
  reports::JunitReport junit(file, tell);
  const std::string suite = fmt::format("bisect/{}..{}", task.good.substr(0, 12), task.bad.substr(0, 12));
  const auto ending = found.bisection.ending();
  junit.on(RunStarted{.run_id = "bisect", .out_dir = file.parent_path().string(), .properties = {}});
  junit.on(SuiteFacts{.suite = suite, .properties = {{"tree", task.tree}, {"headline", bisect::headline(found)}}});
  Tally tally;
  const auto settle = [&](const std::string& name, const Verdict& verdict) {
    CaseSettled event;
    event.suite = suite;
    event.target = "bisect";
    event.id = {.suite = "Bisect", .name = name, .device = {}};
    event.verdict = verdict;
    AttemptEnded attempt;
    attempt.where = {.target = event.target, .id = event.id};
    attempt.verdict = verdict;
    event.attempts.push_back(std::move(attempt));
    if (verdict.outcome == Outcome::kSkipped) event.attempts.clear();
    tally.add(verdict.outcome);
    junit.on(event);
  };
  for (const bisect::CommitFinding& commit : bisect::commits_of(found)) {
    Verdict verdict;
    const std::string told = fmt::format("\"{}\" {}", commit.subject, commit.told);
    if (commit.kind == Kind::kCulprit) verdict = Verdict::from(kernel_error("regression", "first bad commit: " + told));
    if (commit.kind == Kind::kUntestable) verdict = Verdict::from(cannot(told));
    if (commit.kind != Kind::kBad) settle(commit.commit.substr(0, 12), verdict);
  }
  // A bad commit that is not the first one is no finding of its own; the whole search is one that has to end well.
  Verdict whole;
  if (ending != bisect::Ending::kNamed) whole = Verdict::from(harness_error("bisect", bisect::headline(found)));
  if (ending == bisect::Ending::kLabDown) whole = Verdict::from(lab_error("bisect", bisect::headline(found)));
  settle("search", whole);
  junit.on(RunEnded{.tally = tally, .exit_code = bisect::exit_code_of(ending)});
}

Result<IncrementalBuild> open_builder(const CaseOnTree& what, const Deadline& deadline, const ProgressSink& progress) {
  return kernel::open_incremental({.tree = what.tree, .config = what.configs, .jobs = static_cast<unsigned>(what.jobs)},
                                  deadline, progress);
}

ProgressSink show_in(reports::Progress& progress) {
  return [&progress](const Progress& now) { progress.update(now.step + " " + now.detail); };
}

/// A checkout as it was committed is built with what differs from the step before; one that somebody has changed is
/// copied and built as it is.
Result<bisect::BuiltCommit> build_here(const CaseOnTree& what, const Deadline& deadline, const ProgressSink& progress) {
  const Output changes = TRY(run_git(what.tree, {"status", "--porcelain"}, deadline));
  if (!changes.status.success() || !trim(changes.out).empty()) {
    return build_tree(what, what.tree, kStepKernel, deadline, progress);
  }
  IncrementalBuild builder = TRY(open_builder(what, deadline, progress));
  TRY(builder.tree().go_to(TRY(bisect::commit_of(what.tree, "HEAD", deadline)), deadline));
  auto built = TRY(build_step(builder, {.name = kStepKernel}, deadline, progress));
  for (const std::string& change : built.config_changes) progress({.step = "configured", .detail = change});
  return built;
}

void drop_kernels(const bisect::Progressed& found) {
  for (const auto& [commit, name] : found.kernels) {
    if (!name.empty()) static_cast<void>(kernel::rm(name).ok());
  }
  if (!found.without_kernel.empty()) static_cast<void>(kernel::rm(found.without_kernel).ok());
}

Result<void> write_findings(Program& program, const BisectOptions& options, const bisect::Progressed& found,
                            const bisect::Task& task, const fs::path& folder) {
  const auto lines = bisect::to_text(found);
  for (const std::string& line : lines) program.out.line(line);
  TRY(write_file_atomic(folder / "bisect.txt", join(lines, "\n") + "\n"));
  TRY(write_file_atomic(folder / "bisect.json", bisect::to_json(found, task)));
  const reports::OnTrouble tell = [&program](const Error& error) { reports::print_error(program.err, error); };
  write_junit(folder / "junit.xml", found, task, tell);
  if (!options.junit.empty()) write_junit(fs::absolute(options.junit), found, task, tell);
  program.out.line(fmt::format("  results: {}", folder.string()));
  return {};
}

}  // namespace

Result<int> bisect_verb(Program& program, const BisectOptions& options) {
  const Deadline patience = program.patience();
  TRY(check_cases(options.what));
  std::error_code failed;
  const fs::path tree = fs::weakly_canonical(options.what.tree, failed);
  bisect::Task task;
  task.tree = tree.string();
  task.filter = options.what.filter;
  task.good = TRY(bisect::commit_of(tree, options.good, patience));
  task.bad = TRY(bisect::commit_of(tree, options.bad, patience));
  const bisect::History history = TRY(bisect::history_between(tree, task.good, task.bad, patience));
  const fs::path folder = folder_of(options, task);
  const fs::path journal = folder / "journal.jsonl";
  if (options.resume && !fs::exists(journal, failed)) {
    return usage_error(fmt::format("there is nothing to resume: no {}", journal.string()))
        .because("give the same --tree, --good, --bad, --filter and --out, or begin without --resume");
  }
  TRY(make_dirs(folder));
  const auto lock = TRY(FileLock::try_take(folder / "lock"));
  if (!lock) return usage_error(fmt::format("the same bisection is under way in {}", folder.string()));
  program.out.line(fmt::format("{} commits between {} and {}", history.size() - 1, options.good, options.bad));
  reports::Progress progress(program.out, "bisect");
  IncrementalBuild builder = TRY(open_builder(options.what, patience, show_in(progress)));
  KernelWorkshop workshop(options.what, builder, folder / "runs", show_in(progress));
  bisect::DriveSettings settings;
  settings.task = task;
  settings.journal = journal;
  settings.resume = options.resume;
  settings.search.confidence = options.confidence;
  settings.search.most_runs = options.most_runs;
  auto found = bisect::drive(
      history, settings, workshop, patience,
      [&](const bisect::Progressed& now, const bisect::Step& next) { program.out.line(bisect::describe(now, next)); });
  if (!found) return std::move(found).error().because("the same command with --resume goes on from here");
  progress.done("done");
  TRY(write_findings(program, options, *found, task, folder));
  fs::remove(folder / "lock", failed);  // still held: nobody waits for it
  const auto ending = found->bisection.ending();
  if (!options.keep_kernels && ending != bisect::Ending::kLabDown) drop_kernels(*found);
  return bisect::exit_code_of(ending);
}

Result<int> bisect_verb(Program& program, const BisectStepOptions& options) {
  const Deadline patience = program.patience();
  if (std::error_code failed; !fs::is_directory(options.what.tree, failed)) {
    return usage_error(fmt::format("--tree: there is no folder {}", options.what.tree.string()));
  }
  TRY(check_cases(options.what));
  const auto stopped = [&](const Error& error) {
    reports::print_error(program.err, error);
    return kStopBisection;
  };
  reports::Progress progress(program.out, "bisect-step");
  const auto built = build_here(options.what, patience, show_in(progress));
  if (!built) return stopped(built.error());
  if (!built->untestable.empty()) {
    progress.done("skip: " + built->untestable);
    return kCannotTest;
  }
  bool passed = false;
  std::string told;
  for (int i = 0; i < options.runs; ++i) {
    const auto results = run_cases(options.what, built->kernel, options.what.filter,
                                   fs::absolute(options.what.out) / "bisect-step", patience);
    if (!results) return stopped(results.error());
    const auto failure = bisect::first_failure(*results);
    if (failure && (options.type.empty() || failure->type == options.type)) {
      progress.done(fmt::format("bad: {} {}: {}", failure->key, failure->type, failure->message));
      return kBad;
    }
    const bisect::Judged judged = bisect::judge(*results, {});
    if (failure) told = fmt::format("another failure, {}: {}", failure->type, failure->message);
    if (!failure && judged.seen == bisect::Seen::kPassed) passed = true;
    if (!judged.told.empty() && told.empty()) told = judged.told;
  }
  // Runs that the lab spoilt are no verdict; a commit that failed in another way is none either.
  if (passed && told.empty()) {
    progress.done("good");
    return kGood;
  }
  progress.done("skip: " + told);
  return kCannotTest;
}

}  // namespace holdfast
