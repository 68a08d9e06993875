// What does `holdfast run` do?
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/broadcast.h"
#include "harness/capacity.h"
#include "harness/kernel_choice.h"
#include "harness/listing.h"
#include "harness/one_at_a_time.h"
#include "harness/program/custodians.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "harness/run.h"
#include "harness/scenario.h"
#include "lab/inventory/inventory.h"
#include "reports/artifacts.h"
#include "reports/history/expected_times.h"
#include "reports/html/html_report.h"
#include "reports/journal.h"
#include "reports/junit.h"
#include "reports/ktap.h"
#include "reports/shared_record.h"
#include "reports/terminal.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// Kernels as they were chosen and as they were found. An image carries its whole configuration: targets that run the
/// same kernels share them.
struct FoundKernels {
  KernelOptions chosen;
  std::shared_ptr<const Kernels> images;
  std::shared_ptr<const PlanKernels> for_plan;
};

/// A machine of this run with the kernels that it runs.
struct RunTarget {
  Machine machine;
  FoundKernels kernels;
};

Result<FoundKernels> find_kernels(const KernelOptions& chosen, const OtherKernels& others, const Deadline& deadline) {
  Kernels images = TRY(resolve_kernels(chosen, deadline));
  auto for_plan = std::make_shared<const PlanKernels>(images.a, images.b, others);
  return FoundKernels{chosen, std::make_shared<const Kernels>(std::move(images)), std::move(for_plan)};
}

Result<std::vector<RunTarget>> targets_of(std::vector<Machine> machines, const RunOptions& options,
                                          const OtherKernels& others, const Deadline& deadline) {
  std::vector<RunTarget> targets;
  std::vector<FoundKernels> found;
  for (Machine& machine : machines) {
    const KernelOptions chosen = kernels_for(machine, options.kernels);
    auto known = std::ranges::find(found, chosen, &FoundKernels::chosen);
    if (known == found.end()) {
      found.push_back(TRY_IN(machine.profile.name, find_kernels(chosen, others, deadline)));
      known = std::prev(found.end());
    }
    machine.profile.kernels = known->for_plan;
    targets.push_back({.machine = std::move(machine), .kernels = *known});
  }
  return targets;
}

std::vector<Machine> machines_of(const std::vector<RunTarget>& targets) {
  std::vector<Machine> machines;
  for (const RunTarget& target : targets) machines.push_back(target.machine);
  return machines;
}

/// The cases' processes get resolved paths: what a name means may change while the run goes on.
TargetSettings settings_of(const RunTarget& target) {
  const Kernels& kernels = *target.kernels.images;
  return {.kernels = fmt::format("{}..{}", kernels.a.release, kernels.b.release),
          .case_argv = to_argv(pinned(target.kernels.chosen, kernels), target.machine.vm),
          .time_scale = target.machine.time_scale};
}

Properties run_properties(const Program& program, const std::vector<RunTarget>& targets) {
  std::vector<std::string> names;
  for (const RunTarget& target : targets) names.push_back(target.machine.profile.name);
  const Kernels& kernels = *targets.front().kernels.images;
  return {{"program", fmt::format("holdfast {}", kVersion)},
          {"command_line", shell_quote(program.argv)},
          {"target", join(names, " ")},
          {"kernel", fmt::format("{} ({})", kernels.a.release, kernels.a.path.string())},
          {"next_kernel", fmt::format("{} ({})", kernels.b.release, kernels.b.path.string())},
          {"kernel.build_id", kernels.a.build_id},
          {"next_kernel.build_id", kernels.b.build_id}};
}

Result<RunSettings> settings_for(const Program& program, const RunOptions& options,
                                 const std::vector<RunTarget>& targets, const OtherKernels& others) {
  RunSettings settings;
  settings.run_id = random_hex(3);
  const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
  settings.dir = TRY(reports::create_run_folder(fs::absolute(options.out), stamp, settings.run_id));
  settings.retry_infra = options.retry_infra;
  settings.repeat = options.repeat;
  settings.failfast = options.failfast;
  settings.timeout_scale = options.timeout_scale;
  settings.gtest_args = options.gtest_args;
  settings.case_argv = {own_path().string(), "case"};
  std::ranges::copy(to_argv(others), std::back_inserter(settings.case_argv));
  for (const RunTarget& target : targets) settings.targets[target.machine.profile.name] = settings_of(target);
  settings.replay_argv = {own_path().string(), "run"};
  if (!options.lab.empty()) {
    for (auto* argv : {&settings.case_argv, &settings.replay_argv}) {
      argv->push_back(fmt::format("--lab={}", fs::absolute(options.lab).string()));
    }
  }
  std::ranges::copy(to_argv(from_anywhere(options.kernels), options.machine), std::back_inserter(settings.replay_argv));
  if (options.force) settings.replay_argv.emplace_back("--force");
  if (options.soak > 0) {
    for (auto* argv : {&settings.case_argv, &settings.replay_argv}) {
      argv->push_back(fmt::format("--soak={}", options.soak));
    }
  }
  settings.properties = run_properties(program, targets);
  return settings;
}

/// Of the cases that are to run, as far as the newest run in that folder knows them.
reports::ExpectedTimes expected_times(const fs::path& out, const Plan& plan) {
  const auto earlier = reports::times_of_earlier_run(out / "latest");
  reports::ExpectedTimes expected;
  for (const PlannedCase& planned : plan.cases) {
    const auto known = earlier.find({planned.target, planned.id.key()});
    if (planned.skip_reason.empty() && known != earlier.end()) expected.insert(*known);
  }
  return expected;
}

Result<void> add_reports(Broadcast& sinks, Program& program, const RunSettings& settings, const RunOptions& options,
                         reports::ExpectedTimes expected) {
  const reports::OnTrouble tell = [&program](const Error& error) { reports::print_error(program.err, error); };
  sinks.add(TRY(reports::Journal::open(settings.dir / "journal.jsonl", tell)));
  const auto record = std::make_shared<reports::RunRecord>();
  sinks.add(std::make_unique<reports::RecordKeeper>(record));
  const auto now = &reports::WallClock::now;
  const reports::RunIdentity identity{
      .program_version = std::string(kVersion), .argv = program.argv, .host = own_host_name()};
  sinks.add(std::make_unique<reports::Artifacts>(settings.dir, identity, tell, now, record));
  sinks.add(std::make_unique<reports::HtmlReport>(settings.dir / "report.html", tell, now, record));
  const auto dialect =
      options.junit_dialect == "extended" ? reports::JunitDialect::kExtended : reports::JunitDialect::kStrict;
  const auto add_junit = [&](const fs::path& file) {
    sinks.add(std::make_unique<reports::JunitReport>(file, tell, now, dialect, record));
  };
  add_junit(settings.dir / "junit.xml");
  if (!options.junit.empty()) add_junit(fs::absolute(options.junit));
  if (options.ktap) {
    sinks.add(std::make_unique<reports::KtapReport>([&program](const std::string& line) { program.out.line(line); }));
    return {};
  }
  const auto verbosity = static_cast<reports::Verbosity>(options.verbosity);
  sinks.add(std::make_unique<reports::TerminalReport>(
      program.out,
      reports::TerminalOptions{.verbosity = verbosity, .junit = options.junit, .expected = std::move(expected)}));
  return {};
}

/// Gives back what a run that was killed had taken, so that it can be found again. Errors: what cannot be given back,
/// and a device that is declared but not there; one that cannot be had skips its target's cases, with the reason.
Result<void> find_passed(std::vector<Machine>& machines, bool restore, Program& program) {
  const auto takes = [](const Machine& one) { return one.declared != nullptr && one.declared->takes_devices(); };
  if (restore && std::ranges::any_of(machines, takes)) {
    const auto back = TRY(lab::restore_leftovers(TRY(taking_place()), program.patience().at_most(kRestoreLimit)));
    for (const std::string& line : lab::to_lines(back)) program.err.line(line);
  }
  place_passed(machines);
  for (const Machine& machine : machines) {
    if (machine.trouble && machine.trouble->blame != Blame::kPlan) return *machine.trouble;
  }
  return {};
}

/// More live updates take more time.
std::vector<CaseInfo> with_soak(std::vector<CaseInfo> cases, int soak) {
  for (CaseInfo& one : cases) {
    if (one.suite == "Soak" && soak > kUsualSoak) one.needs.timeout *= soak / kUsualSoak + 1;
  }
  return cases;
}

}  // namespace

Result<int> run_verb(Program& program, const RunOptions& options) {
  if (!options.plan.empty()) return night_verb(program, options);
  lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  for (lab::VirtualMachine& vm : inventory.vms) vm.passed.force = vm.passed.force || options.force;
  auto machines = TRY(chosen_machines(known_machines(inventory, options.machine, options.jobs), options.targets));
  TRY(find_passed(machines, !options.dry_run, program));
  const OtherKernels others = TRY(find_other_kernels(all_cases(), program.patience()));
  const auto targets = TRY(targets_of(std::move(machines), options, others, program.patience()));
  const auto profiles = profiles_of(machines_of(targets));
  const std::vector<CaseInfo> cases = with_soak(all_cases(), options.soak);
  const Plan plan = TRY(make_plan(cases, profiles, options.selection, {}));
  if (options.dry_run) {
    reports::print_table(program.out, list_plan(plan).rows);
    return 0;
  }
  if (plan.cases.empty()) {
    reports::print_error(program.err, usage_error(fmt::format("no case matches '{}'", options.selection.filter))
                                          .because("`holdfast list cases` shows them all"));
    return 3;
  }
  auto expected = expected_times(options.out, plan);  // before this run becomes the newest
  RunSettings settings = TRY(settings_for(program, options, targets, others));
  settings.allowances = inventory.allowances;
  settings.before = expected;
  Broadcast sinks;
  TRY(add_reports(sinks, program, settings, options, std::move(expected)));
  OneAtATime events(sinks);
  const Custodians custodians = TRY(custodians_for(machines_of(targets), inventory, settings.dir, events));
  return carry_out(plan, profiles, {settings, events, program.stop}, custodians);
}

}  // namespace holdfast
