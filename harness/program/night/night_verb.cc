// What does `holdfast run --plan` do?
//
// It reads the plan and looks at all that it names before anything is touched. Then the kernels are fetched and built,
// and each run is carried out in a process of its own (jobs.h), on all machines of its entry at once; those that share
// no host, and whose virtual machines this computer bears together, go side by side (lab/nightly/schedule.h). After
// each the night's own files are written anew, in the order of the plan, so that a night that is killed has told what
// it knew. At the end the night is compared with those before it, and told (report.h).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/bisect/revisions.h"
#include "harness/capacity.h"
#include "harness/listing.h"
#include "harness/other_kernel.h"
#include "harness/program/machines.h"
#include "harness/program/night/jobs.h"
#include "harness/program/night/kernels.h"
#include "harness/program/night/known_failures.h"
#include "harness/program/night/report.h"
#include "lab/inventory/inventory.h"
#include "lab/nightly/jobs.h"
#include "lab/nightly/known.h"
#include "lab/nightly/schedule.h"
#include "reports/artifacts.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const std::vector<Machine>& machines) {
  std::vector<std::string> names;
  for (const Machine& machine : machines) names.push_back(machine.profile.name);
  return names;
}

Result<std::vector<NightRun>> runs_of(const lab::NightPlan& plan, const RunOptions& options, const Deadline& deadline) {
  const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  const auto machines = known_machines(inventory, options.machine, options.jobs);
  const auto usual = TRY(chosen_machines(machines, {}));
  const auto profiles = profiles_of(machines);
  std::vector<NightRun> runs;
  const auto jobs = TRY(lab::jobs_of(plan, profiles, names_of(usual)));
  for (const lab::NightJob& job : jobs) {
    runs.push_back(TRY(planned(job, profiles)));
    runs.back().claim = claim_of(runs.back(), machines);
  }
  for (const lab::NightKernel& kernel : plan.kernels) TRY(check_kernel_of_night(kernel, deadline));
  return runs;
}

std::string budget_text(const std::optional<std::chrono::seconds>& budget) {
  return budget ? lab::exact_span(*budget) : "-";
}

void show(Program& program, const lab::NightPlan& plan, const std::vector<NightRun>& runs) {
  std::vector<std::vector<std::string>> rows{{"RUN", "TARGET", "CASE", "REPEAT", "BUDGET", "PLAN"}};
  for (const NightRun& run : runs) {
    const lab::NightEntry& entry = *run.job.entry;
    for (const PlannedCase& one : run.plan.cases) {
      // What depends on kernels is seen when they are there.
      const bool skipped = !one.skip_reason.empty() && !one.info->needs.other_kernel;
      rows.push_back({run.job.name(), one.target, one.id.key(), std::to_string(entry.repeat), budget_text(entry.budget),
                      skipped ? "skip: " + one.skip_reason : "run"});
    }
  }
  reports::print_table(program.out, rows);
  for (const lab::NightKernel& kernel : plan.kernels) {
    if (kernel.kind == lab::NightKernel::Kind::kBranch) {
      const std::string fetched = kernel.remote.empty() ? "" : fmt::format(", after a fetch from {}", kernel.remote);
      program.out.line(
          fmt::format("kernel {}: {} of {} is built{}", kernel.name, kernel.branch, kernel.tree.string(), fetched));
    } else if (kernel.kind == lab::NightKernel::Kind::kPackage) {
      program.out.line(fmt::format("kernel {}: package {} is unpacked", kernel.name, kernel.package));
    }
  }
  for (const std::string& warning : lab::expired_rules(plan, today())) program.out.line("warning: " + warning);
  program.out.line(
      fmt::format("{} runs, {} cases, the whole night: {}", runs.size(), rows.size() - 1, budget_text(plan.budget)));
}

/// A night while it goes on.
class NightUnderWay {
 public:
  NightUnderWay(Program& program, const RunOptions& options, const lab::NightPlan& plan, fs::path dir)
      : program_(program), options_(options), plan_(plan), dir_(std::move(dir)), budget_(plan) {
    const std::string name = dir_.filename().string();
    night_.run_id = name.substr(name.rfind('-') + 1);
    night_.dir = dir_;
    night_.begun = std::chrono::system_clock::now();
    night_.properties = {{reports::kNightPlan, plan.name},
                         {"night.plan_sha256", sha256(plan.text)},
                         {"program", fmt::format("holdfast {}", kVersion)},
                         {"command_line", shell_quote(program.argv)}};
    night_.warnings = lab::expired_rules(plan, today());
    night_.known = known_failures_of(plan);
  }
  NightUnderWay(const NightUnderWay&) = delete;
  NightUnderWay& operator=(const NightUnderWay&) = delete;

  Result<void> go_through(const std::vector<NightRun>& runs) {
    prepare(runs);
    std::vector<lab::NightClaim> claims;
    for (const NightRun& run : runs) claims.push_back(run.claim);
    lab::NightSchedule schedule(std::move(claims), own_capacity(), plan_.runs_at_once);
    night_.jobs.resize(runs.size());  // what is not over has nothing to tell yet
    std::vector<reports::DoneJob> done(runs.size());
    Result<void> written;
    lab::carry_out_all(
        schedule,
        {.begins =
             [&](size_t run) {
               if (program_.stop.requested()) return;
               say(fmt::format("{} on {}", runs[run].job.name(), join(runs[run].job.targets, ", ")));
             },
         .carry_out =
             [&](size_t run) { done[run] = carry_out(runs[run], kernels_, program_, options_, dir_, budget_); },
         .ended =
             [&](size_t run) {
               night_.jobs[run] = std::move(done[run]);
               tell(runs[run].job.name(), night_.jobs[run]);
               written = write(/*last=*/schedule.over());
               if (!written && !schedule.over()) reports::print_error(program_.err, written.error());
             }});
    return written;
  }

 private:
  void say(const std::string& line) {
    if (options_.verbosity != Verbosity::kQuiet) program_.out.line(line);
  }

  void tell(const std::string& name, const reports::DoneJob& job) {
    if (job.results) say(fmt::format("{}: {}", name, reports::sentence(job.results->record.tally())));
    if (job.rest.outcome == Outcome::kPassed) return;
    const bool whole = job.results && job.results->record.tally().total() >= static_cast<int>(job.planned.size());
    if (!whole) say(fmt::format("{}: not run: {}", name, job.rest.message));
  }

  /// Those that a run needs, once each. What cannot be had is told, and its runs are skipped.
  void prepare(const std::vector<NightRun>& runs) {
    std::set<const lab::NightKernel*> wanted;
    for (const NightRun& run : runs) wanted.insert({run.job.kernel, run.job.next_kernel});
    for (const lab::NightKernel& kernel : plan_.kernels) {
      if (wanted.contains(&kernel)) prepare(kernel);
    }
  }

  void prepare(const lab::NightKernel& kernel) {
    const auto began = Deadline::Clock::now();
    reports::Progress progress(program_.out, "kernel " + kernel.name);
    const ProgressSink show = [&](const Progress& now) {
      if (options_.verbosity != Verbosity::kQuiet) progress.update(join_words({now.step, now.detail}));
    };
    auto ready = prepare_kernel(kernel, plan_.name, budget_.deadline_for({}, program_.stop), show);
    const bool interrupted = !ready && ready.error().kind == "stopped";
    if ((kernel.kind != lab::NightKernel::Kind::kStored || !ready) && !interrupted) {
      reports::PreparedKernel told{.name = kernel.name};
      told.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
      if (!ready) told.verdict = verdict_of(ready.error());
      told.facts = facts_of(kernel);
      say(fmt::format("kernel {}: {}", kernel.name,
                      ready ? join_words({"ready", ready->commit.substr(0, 12)}) : ready.error().what));
      night_.kernels.push_back(std::move(told));
    }
    if (ready) night_.warnings.insert(night_.warnings.end(), ready->warnings.begin(), ready->warnings.end());
    kernels_.emplace(kernel.name, std::move(ready));
  }

  Verdict verdict_of(const Error& error) const {
    const auto spent = budget_.spent({});
    if (!spent || error.kind != "timeout") return Verdict::from(error);
    Verdict verdict = Verdict::from(cannot(*spent));
    verdict.type = reports::kOutOfTime;
    return verdict;
  }

  /// Of a branch the commit, also when nothing could be made of it: then the range is all the more wanted.
  Properties facts_of(const lab::NightKernel& kernel) const {
    if (kernel.kind != lab::NightKernel::Kind::kBranch) return {};
    const auto commit = bisect::commit_of(kernel.tree, kernel.branch, program_.patience());
    if (!commit) return {};
    return {{reports::kNightTree, kernel.tree.string()},
            {reports::kNightCommit, *commit},
            {reports::kNightNoBisect,
             "no case tells whether a kernel can be built; `git bisect run` does, with your own make"}};
  }

  Result<void> write(bool last) {
    night_.interrupted = !last || program_.stop.requested();
    night_.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began_);
    return reports::write_night(
        dir_, TRY(reports::night_log(night_)),
        {.program_version = std::string(kVersion), .argv = program_.argv, .host = own_host_name()},
        [this](const Error& error) { reports::print_error(program_.err, error); });
  }

  Program& program_;
  const RunOptions& options_;
  const lab::NightPlan& plan_;
  const fs::path dir_;
  lab::NightBudget budget_;
  const Deadline::Clock::time_point began_ = Deadline::Clock::now();
  reports::Night night_;
  ReadyKernels kernels_;
};

/// Tells where the night's junit.xml belongs as well.
Result<void> copy_junit(const fs::path& from, const fs::path& to) {
  if (to.empty()) return {};
  return write_file_atomic(fs::absolute(to), TRY(read_file(from / "junit.xml")));
}

}  // namespace

Result<int> night_verb(Program& program, const RunOptions& options) {
  const lab::NightPlan plan = TRY(lab::read_night_plan(options.plan));
  const auto runs = TRY(runs_of(plan, options, program.patience()));
  if (options.dry_run) {
    show(program, plan, runs);
    return 0;
  }
  TRY(make_dirs(options.out));
  std::error_code failed;
  const fs::path out = fs::canonical(options.out, failed);  // paths in the night are relative to it
  if (failed) return system_error(fmt::format("find {}", options.out.string()), failed.value());
  const auto lock = TRY(FileLock::try_take(out / fmt::format(".night-{}.lock", plan.name)));
  if (!lock) {
    return lab_error("night", fmt::format("a night of {} is under way in {}", plan.name, out.string()))
        .because("wait for its end, or give the plan another name in [night]");
  }
  const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
  const fs::path dir = TRY(reports::create_run_folder(out, stamp, random_hex(3)));
  TRY(write_file(dir / "plan.toml", plan.text));
  NightUnderWay night(program, options, plan, dir);
  TRY(night.go_through(runs));
  TRY(copy_junit(dir, options.junit));
  const bool told = tell_of_night(program, plan, out, dir, options.verbosity == Verbosity::kQuiet);
  const auto results = TRY(reports::read_results(dir));
  const int code = results.record.ended() ? results.record.ended()->exit_code : kExitUsage;
  return code == 0 && !told ? kExitUsage : code;
}

}  // namespace holdfast
