// Which jobs of a cluster does a choice of kernels, targets and cases come to?
#include "harness/program/submit/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using lab::slurm::Crew;

/// Targets whose cases the same tasks can run.
struct Group {
  Crew crew;
  std::vector<RunTarget> targets;
};

Result<void> refuse_local(const std::vector<RunTarget>& targets) {
  for (const RunTarget& target : targets) {
    if (target.machine.host != nullptr || !is_undivided(target.machine)) continue;
    const std::string& name = target.machine.profile.name;
    return usage_error(fmt::format("{} is given devices of this computer, which a cluster's nodes do not have", name))
        .because(fmt::format("run it here: `holdfast run --target {}`; and name the others with --target", name));
  }
  return {};
}

std::vector<Group> grouped(const std::vector<RunTarget>& targets, const std::string& prefix) {
  std::map<std::string, Group> groups;
  for (const RunTarget& target : targets) {
    const Machine& machine = target.machine;
    const bool is_host = machine.host != nullptr;
    const std::string name =
        is_host ? machine.profile.name : fmt::format("vms-{}x{}", machine.vm.cpus, machine.vm.memory_mib);
    Group& group = groups[(is_host ? "host " : "vms ") + name];
    group.crew.name = fmt::format("{}-{}", prefix, lab::slurm::license_of(name));
    group.crew.is_host = is_host;
    group.crew.targets.push_back(machine.profile.name);
    group.crew.cpus = machine.vm.cpus;
    group.crew.memory_mib = machine.vm.memory_mib;
    group.crew.time_scale = std::max(group.crew.time_scale, machine.time_scale);
    group.targets.push_back(target);
  }
  std::vector<Group> all;
  for (auto& [name, group] : groups) all.push_back(std::move(group));
  return all;
}

/// What a task has behind its last case, when its time is over: it gives its machine back.
constexpr std::chrono::minutes kToLeave{10};

std::vector<std::string> run_argv(const RunOptions& wish, const Group& group, const SubmissionGround& ground,
                                  const lab::slurm::Packing& packing, const fs::path& folder) {
  const RunOptions usual;
  std::vector<std::string> argv{own_path().string(), "run"};
  if (!wish.lab.empty()) argv.push_back("--lab=" + fs::absolute(wish.lab).string());
  for (const std::string& target : group.crew.targets) argv.push_back("--target=" + target);
  argv.push_back("--filter=" + wish.selection.filter);
  for (const std::string& device : wish.selection.devices) argv.push_back("--device=" + device);
  const FoundKernels& kernels = group.targets.front().kernels;
  std::ranges::copy(to_argv(pinned(kernels.chosen, *kernels.images), wish.machine), std::back_inserter(argv));
  if (wish.repeat != usual.repeat) argv.push_back(fmt::format("--repeat={}", wish.repeat));
  if (wish.retry_infra != usual.retry_infra) argv.push_back(fmt::format("--retry-infra={}", wish.retry_infra));
  if (wish.timeout_scale != usual.timeout_scale) argv.push_back(fmt::format("--timeout-scale={}", wish.timeout_scale));
  if (wish.soak > 0) argv.push_back(fmt::format("--soak={}", wish.soak));
  for (const std::string& until : wish.until) argv.push_back("--until=" + until);
  argv.insert(argv.end(), {"--jobs=1", fmt::format("--shard={}/{}", lab::slurm::kTaskNumber, packing.tasks),
                           "--times=" + ground.times_file.string(),
                           "--continue=" + (folder / fmt::format("task-{}", lab::slurm::kTaskNumber)).string(),
                           // A task is requeued when its node is lost, and a host is healthy before it is used again.
                           "--rerun-interrupted"});
  return argv;
}

/// A soak of more updates than usual takes as long as its timeout says, when nothing is known of one of that length.
std::chrono::minutes soak_limit(const Plan& plan, double scale) {
  std::chrono::duration<double> all{0};
  for (const PlannedCase& one : plan.cases) {
    if (one.info->suite == "Soak" && one.skip_reason.empty()) all += one.info->needs.timeout * scale;
  }
  return std::chrono::ceil<std::chrono::minutes>(all);
}

/// Its own time ends a task before Slurm does; what waits for longer than the whole has is given up.
void limit_by(const TimeLimits& time, std::chrono::system_clock::time_point now, lab::slurm::Job& job) {
  using std::chrono::minutes;
  if (time.each) job.limit = std::min(job.limit, std::chrono::ceil<minutes>(*time.each) + kToLeave);
  if (!time.end) return;
  job.limit = std::min(job.limit, std::max(minutes(0), std::chrono::ceil<minutes>(*time.end - now)) + kToLeave);
  job.deadline = *time.end + job.limit;
}

TaskArray array_of(const Group& group, const Plan& plan, const Wish& all, const SubmissionGround& ground) {
  const RunOptions& wish = all.run;
  const lab::slurm::Packing packing = lab::slurm::pack(plan, ground.times, group.crew, ground.tasks);
  TaskArray array;
  array.folder = ground.dir / group.crew.name;
  array.kernels = kernel_properties(group.targets);
  array.to_run = plan.to_run();
  if (group.crew.is_host) array.host = group.crew.targets.front();
  array.job = lab::slurm::job_of(group.crew, packing);
  if (wish.soak > 0) array.job.limit += soak_limit(plan, wish.timeout_scale * group.crew.time_scale);
  limit_by(all.time, std::chrono::system_clock::now(), array.job);
  if (all.time.end) array.kernels[reports::kBeginsUntil] = reports::iso_utc(*all.time.end);
  array.job.argv = run_argv(wish, group, ground, packing, array.folder);
  array.job.log = array.folder / fmt::format("task-{}.log", lab::slurm::kTaskNumber);
  array.job.about = fmt::format("{} of {} cases on {} with {}, one task of {}", plan.to_run(), plan.cases.size(),
                                join(group.crew.targets, ", "), kernels_of(group.targets.front()), packing.tasks);
  for (size_t i = 0; i < plan.cases.size(); ++i) {
    const PlannedCase& planned = plan.cases[i];
    const auto target =
        std::ranges::find(group.targets, planned.target, [](const RunTarget& one) { return one.machine.profile.name; });
    array.expected.push_back(
        {.suite = all.job ? all.job->suite(planned.target) : planned.target + "/" + kernels_of(*target),
         .target = planned.target,
         .id = planned.id,
         .task = packing.deal.shard_of[i] + 1,
         .skip_reason = planned.skip_reason});
  }
  return array;
}

Plan plan_for(const Group& group, const Plan& whole) {
  const std::set<std::string> names(group.crew.targets.begin(), group.crew.targets.end());
  Plan plan;
  std::ranges::copy_if(whole.cases, std::back_inserter(plan.cases),
                       [&](const PlannedCase& planned) { return names.contains(planned.target); });
  return plan;
}

TaskArray skipped(const Wish& wish, const SubmissionGround& ground) {
  TaskArray array;
  array.folder = ground.dir / wish.prefix;
  for (const PlannedCase& planned : wish.without_kernel->plan.cases) {
    array.expected.push_back({.suite = wish.job->suite(planned.target),
                              .target = planned.target,
                              .id = planned.id,
                              .skip_reason = planned.skip_reason.empty() ? wish.why_not : planned.skip_reason});
  }
  return array;
}

}  // namespace

Result<std::vector<TaskArray>> arrays_for(const Wish& all, const SubmissionGround& ground, const Deadline& deadline) {
  if (all.without_kernel) return std::vector{skipped(all, ground)};
  const RunOptions& wish = all.run;
  auto machines = TRY(chosen_machines(known_machines(ground.inventory, wish.machine, 1), wish.targets));
  const auto targets = TRY(targets_of(std::move(machines), wish, ground.others, deadline));
  TRY(refuse_local(targets));
  const std::vector<CaseInfo> cases = with_soak(all_cases(), wish.soak);
  const Plan whole = TRY(make_plan(cases, profiles_of(machines_of(targets)), wish.selection, {}));
  std::vector<TaskArray> arrays;
  for (const Group& group : grouped(targets, all.prefix)) {
    const Plan plan = plan_for(group, whole);
    if (!plan.cases.empty()) arrays.push_back(array_of(group, plan, all, ground));
  }
  return arrays;
}

}  // namespace holdfast
