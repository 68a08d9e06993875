// How is one run of a night carried out, and what becomes of what did not fit?
#include "harness/program/night/jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <iterator>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/capacity.h"
#include "harness/other_kernel.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// A run that is to stop gives its machines back; hosts take their time for that.
constexpr Millis kStopLimit = std::chrono::minutes(10);

const ReadyKernel* ready(const ReadyKernels& kernels, const lab::NightKernel* kernel) {
  return kernel == nullptr ? nullptr : &*kernels.at(kernel->name);
}

/// What else the bisection of a case of this run has to be told.
std::string bisect_words(const lab::NightJob& job, const ReadyKernel& kernel, const ReadyKernel* next,
                         const RunOptions& options) {
  std::vector<std::string> words;
  if (!options.lab.empty()) words.push_back("--lab=" + fs::absolute(options.lab).string());
  if (job.targets.size() == 1) words.push_back("--target=" + job.targets.front());
  if (next != nullptr) words.push_back("--next-kernel=" + next->argument);
  if (!job.entry->append.empty()) words.push_back("--append=" + job.entry->append);
  if (!job.entry->next_append.empty()) words.push_back("--next-append=" + job.entry->next_append);
  if (options.machine.accel != MachineOptions().accel) words.push_back("--accel=" + options.machine.accel);
  return join_words({kernel.bisect_words, shell_quote(words)});
}

Properties facts_of(const lab::NightJob& job, const ReadyKernels& kernels, const RunOptions& options) {
  Properties facts{{"night.entry", job.entry->name},
                   {"kernel.name", job.kernel == nullptr ? "usual" : job.kernel->name}};
  if (job.next_kernel != nullptr) facts[reports::kNightNextName] = job.next_kernel->name;
  if (job.kernel == nullptr || missing_kernel(kernels, job) != nullptr) return facts;
  const ReadyKernel& a = *ready(kernels, job.kernel);
  const ReadyKernel* next = ready(kernels, job.next_kernel);
  const ReadyKernel& b = next == nullptr ? a : *next;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) facts[name] = value;
  };
  add(reports::kNightTree, a.tree);
  add(reports::kNightCommit, a.commit);
  add(reports::kNightNextTree, b.tree);
  add(reports::kNightNextCommit, b.commit);
  add(reports::kNightNoBisect, a.no_bisect);
  add(reports::kNightBisect, bisect_words(job, a, next, options));
  return facts;
}

/// What the run itself said when it did not come to a result.
Error without_result(const std::string& name, const Result<ExitStatus>& ended, const fs::path& log) {
  const std::string how = ended ? ended->describe() : ended.error().what;
  Error error = harness_error("run", fmt::format("the run of {} left no result: {}", name, how));
  if (const auto text = read_file(log, size_t{1} << 20)) error = std::move(error).with("output", printable(*text));
  return error;
}

/// How the waiting ended.
enum class End { kItself, kBudget, kStopped };

struct Ended {
  End how = End::kItself;
  Result<ExitStatus> status = ExitStatus();
};

Ended wait_for(Process& process, const Deadline& deadline) {
  auto status = process.wait(deadline);
  if (status) return {.how = End::kItself, .status = std::move(status)};
  const End how = status.error().kind == "stopped" ? End::kStopped : End::kBudget;
  if (status.error().kind != "stopped" && status.error().kind != "timeout") {
    return {.how = End::kItself, .status = std::move(status)};
  }
  process.signal_group(SIGTERM);
  status = process.wait(Deadline::after(kStopLimit));
  process.stop();
  return {.how = how, .status = std::move(status)};
}

Result<Ended> run_it(std::vector<std::string> argv, const fs::path& log, const Deadline& deadline) {
  const Fd output = TRY(open_file(log, O_WRONLY | O_CREAT | O_TRUNC));
  Process process =
      TRY(Process::start({.argv = std::move(argv), .stdout_fd = output.get(), .stderr_fd = output.get()}));
  return wait_for(process, deadline);
}

/// Of these cases, those on the target that need a machine.
int to_run_on(const std::string& target, const Plan& plan) {
  return static_cast<int>(std::ranges::count_if(plan.cases, [&](const PlannedCase& one) {
    // What depends on kernels is seen when they are there.
    return one.target == target && (one.skip_reason.empty() || one.info->needs.other_kernel);
  }));
}

}  // namespace

Result<NightRun> planned(const lab::NightJob& job, const std::vector<TargetProfile>& all) {
  const lab::NightEntry& entry = *job.entry;
  std::vector<TargetProfile> targets;
  for (const std::string& name : job.targets) targets.push_back(*std::ranges::find(all, name, &TargetProfile::name));
  const auto make = [&](const Selection& selection) { return make_plan(all_cases(), targets, selection, {}); };
  TRY_IN(entry.cases_at, make({.filter = entry.cases, .devices = {}}));
  Plan plan = TRY_IN(entry.devices_at, make({.filter = entry.cases, .devices = entry.devices}));
  if (!plan.cases.empty()) return NightRun{.job = job, .plan = std::move(plan)};
  return usage_error(fmt::format("{}: no case matches '{}'", entry.cases_at, entry.cases))
      .because("`holdfast list cases` shows them all");
}

const Error* missing_kernel(const ReadyKernels& kernels, const lab::NightJob& job) {
  for (const lab::NightKernel* kernel : {job.kernel, job.next_kernel}) {
    if (kernel != nullptr && !kernels.at(kernel->name)) return &kernels.at(kernel->name).error();
  }
  return nullptr;
}

KernelOptions kernels_for(const lab::NightJob& job, const ReadyKernels& kernels, KernelOptions chosen) {
  if (const ReadyKernel* a = ready(kernels, job.kernel)) {
    const ReadyKernel* next = ready(kernels, job.next_kernel);
    chosen.kernel = a->argument.empty() ? chosen.kernel : a->argument;
    // Never left to the environment.
    chosen.next_kernel = next == nullptr ? chosen.kernel : next->argument;
    chosen.modules = a->modules;
  }
  chosen.append = join_words({chosen.append, job.entry->append});
  chosen.next_append = join_words({chosen.next_append, job.entry->next_append});
  return chosen;
}

lab::NightClaim claim_of(const NightRun& run, const std::vector<Machine>& machines) {
  lab::NightClaim claim;
  if (run.job.entry->budget) claim.alone.insert("entry " + run.job.entry->name);
  for (const std::string& target : run.job.targets) {
    const Machine& machine = *std::ranges::find(machines, target, [](const Machine& one) { return one.profile.name; });
    if (machine.host != nullptr) {
      claim.alone.insert("host " + target);
      continue;
    }
    if (is_undivided(machine)) claim.alone.insert("devices of this computer");
    const int at_once = std::min(machine.profile.slots, to_run_on(target, run.plan));
    claim.machines.cores += at_once * machine.vm.cpus;
    claim.machines.memory_mib += at_once * (machine.vm.memory_mib + kMachineOverheadMib);
  }
  return claim;
}

std::vector<std::string> run_argv(const lab::NightJob& job, const ReadyKernels& kernels, const RunOptions& options,
                                  const fs::path& out) {
  const lab::NightEntry& entry = *job.entry;
  const KernelOptions chosen = kernels_for(job, kernels, options.kernels);
  std::vector<std::string> argv{own_path().string(),
                                "run",
                                "--quiet",
                                "--out=" + out.string(),
                                "--filter=" + entry.cases,
                                fmt::format("--repeat={}", entry.repeat),
                                fmt::format("--retry-infra={}", entry.retry_infra),
                                fmt::format("--timeout-scale={}", options.timeout_scale * entry.timeout_scale)};
  for (const std::string& target : job.targets) argv.push_back("--target=" + target);
  for (const std::string& device : entry.devices) argv.push_back("--device=" + device);
  if (!options.lab.empty()) argv.push_back("--lab=" + fs::absolute(options.lab).string());
  if (entry.soak > 0) argv.push_back(fmt::format("--soak={}", entry.soak));
  if (options.jobs > 0) argv.push_back(fmt::format("--jobs={}", options.jobs));
  if (options.force) argv.emplace_back("--force");
  std::ranges::copy(to_argv(chosen, options.machine), std::back_inserter(argv));
  return argv;
}

reports::DoneJob carry_out(const NightRun& run, const ReadyKernels& kernels, const Program& program,
                           const RunOptions& options, const fs::path& night, lab::NightBudget& budget) {
  const lab::NightEntry& entry = *run.job.entry;
  reports::DoneJob done;
  for (const std::string& target : run.job.targets) done.suites[target] = run.job.suite(target);
  for (const PlannedCase& planned : run.plan.cases) done.planned.emplace_back(planned.target, planned.id);
  done.facts = facts_of(run.job, kernels, options);
  const auto skip = [&](const std::string& why, const char* type) {
    done.rest = Verdict::from(cannot(why));
    done.rest.type = type;
  };
  if (program.stop.requested()) {
    skip("the night was interrupted", "plan.interrupted");
    return done;
  }
  if (const Error* error = missing_kernel(kernels, run.job)) {
    skip("there is no kernel: " + error->what, "plan.kernel");
    return done;
  }
  if (const auto why = budget.spent(entry)) {
    skip(*why, reports::kOutOfTime);
    return done;
  }
  const fs::path out = night / "runs" / run.job.folder();
  const fs::path log = out / "output.txt";
  const auto began = Deadline::Clock::now();
  auto ended = make_dirs(out).ok()
                   ? run_it(run_argv(run.job, kernels, options, out), log, budget.deadline_for(entry, program.stop))
                   : Result<Ended>(harness_error("run", fmt::format("no folder {}", out.string())));
  budget.used(entry, std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began));
  std::error_code failed;
  const fs::path folder = fs::canonical(out / "latest", failed);
  if (auto results = reports::read_results(failed ? out : folder)) done.results.emplace(*std::move(results));
  if (ended && ended->how == End::kBudget) {
    skip(budget.spent(entry).value_or("out of time"), reports::kOutOfTime);
  } else if (ended && ended->how == End::kStopped) {
    skip("the night was interrupted", "plan.interrupted");
  } else {
    done.rest = Verdict::from(ended ? without_result(run.job.name(), ended->status, log) : std::move(ended).error());
  }
  return done;
}

}  // namespace holdfast
