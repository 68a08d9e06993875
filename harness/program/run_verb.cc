// What does `holdfast run` do?
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/broadcast.h"
#include "harness/capacity.h"
#include "harness/kernel_choice.h"
#include "harness/listing.h"
#include "harness/one_at_a_time.h"
#include "harness/program/custodians.h"
#include "harness/program/machines.h"
#include "harness/program/own_folder.h"
#include "harness/program/program.h"
#include "harness/program/run_limit.h"
#include "harness/program/run_targets.h"
#include "harness/run.h"
#include "harness/shard.h"
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

/// What this run does of the plan.
struct Part {
  Plan plan;
  Properties properties;    ///< of a shard
  bool whole_runs = false;  ///< it is a shard of a plan in which something runs
};

/// The cases' processes get resolved paths: what a name means may change while the run goes on.
TargetSettings settings_of(const RunTarget& target) {
  const Kernels& kernels = *target.kernels.images;
  return {.kernels = kernels_of(target),
          .case_argv = to_argv(pinned(target.kernels.chosen, kernels), target.machine.vm),
          .time_scale = target.machine.time_scale};
}

Properties run_properties(const Program& program, const std::vector<RunTarget>& targets) {
  std::vector<std::string> names;
  for (const RunTarget& target : targets) names.push_back(target.machine.profile.name);
  const Kernels& kernels = *targets.front().kernels.images;
  Properties properties = kernel_properties(targets);
  properties["program"] = fmt::format("holdfast {}", kVersion);
  properties["command_line"] = shell_quote(program.argv);
  properties["program.build_id"] = own_build_id();
  properties["target"] = join(names, " ");
  properties["kernel"] = fmt::format("{} ({})", kernels.a.release, kernels.a.path.string());
  properties["next_kernel"] = fmt::format("{} ({})", kernels.b.release, kernels.b.path.string());
  return properties;
}

/// The user's part of the plan. All of a host, and of a machine that is given devices, goes to one shard: two would
/// only wait for each other.
Result<Part> part_for(const RunOptions& options, Plan plan, const std::vector<RunTarget>& targets) {
  if (!options.shard) return Part{.plan = std::move(plan), .properties = {}};
  std::set<std::string> undivided;
  for (const RunTarget& target : targets) {
    if (is_undivided(target.machine)) undivided.insert(target.machine.profile.name);
  }
  reports::ExpectedTimes times;
  if (!options.times.empty()) times = TRY_IN("--times", reports::times_of_run(options.times));
  const Deal deal = deal_plan(plan, options.shard->count, times, undivided);
  return Part{.plan = part_of(plan, deal, options.shard->number - 1),
              .properties = {{"shard", options.shard->text()}, {"shard.deal", deal.digest}},
              .whole_runs = plan.to_run() > 0};
}

/// Says of two plans whether they are the same: a digest of what runs where, what does not and why.
std::string digest_of(const Plan& plan) {
  std::vector<std::string> lines;
  for (const PlannedCase& one : plan.cases) {
    lines.push_back(fmt::format("{} {} {}", one.target, one.id.key(), one.skip_reason));
  }
  std::ranges::sort(lines);
  constexpr size_t kDigits = 12;
  return sha256(join(lines, "\n")).substr(0, kDigits);
}

/// What two parts of one run must have alike. One that is resumed is to be as if it had never been cut off.
reports::TakeUp take_up_of(const RunOptions& options, const Part& part, const std::vector<RunTarget>& targets) {
  reports::TakeUp how{.same = kernel_properties(targets)};
  how.same.insert(part.properties.begin(), part.properties.end());
  if (options.resumed) how.same.insert({{"plan", digest_of(part.plan)}, {"program.build_id", own_build_id()}});
  return how;
}

/// What the run before left of the plan.
Plan rest_of(Plan plan, const std::optional<reports::Continuation>& left) {
  std::erase_if(plan.cases,
                [&](const PlannedCase& one) { return left && left->settled.contains({one.target, one.id}); });
  return plan;
}

Result<RunSettings> settings_for(const Program& program, const RunOptions& options,
                                 const std::vector<RunTarget>& targets, const OtherKernels& others) {
  RunSettings settings;
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
  if (options.timeout_scale != 1.0)
    settings.replay_argv.push_back(fmt::format("--timeout-scale={}", options.timeout_scale));
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

/// What could not be written is told on the screen, and makes no run a success.
class ReportTrouble {
 public:
  explicit ReportTrouble(Program& program) : program_(program) {}
  void tell(const Error& error) {
    told_ = true;
    reports::print_error(program_.err, error);
  }
  int exit_code(int code) {
    const bool success = code == 0 || code == 4;
    if (!told_ || !success) return code;
    program_.err.line("exit 2: not all that this run had to tell could be written");
    return kExitUsage;
  }

 private:
  Program& program_;
  bool told_ = false;
};

/// `kept`: events that the journal has already.
Result<void> add_reports(Broadcast& sinks, Program& program, const RunSettings& settings, const RunOptions& options,
                         size_t kept, reports::ExpectedTimes expected, ReportTrouble& trouble) {
  const reports::OnTrouble tell = [&trouble](const Error& error) { trouble.tell(error); };
  std::unique_ptr<EventSink> journal = TRY(reports::Journal::open(settings.dir / "journal.jsonl", tell));
  if (kept > 0) journal = std::make_unique<reports::NewOnly>(std::move(journal), kept);
  sinks.add(std::move(journal));
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

/// A shard of which nothing is to be run is no reason to stop a pipeline, as long as others have something.
int shard_exit_code(const Part& part, int code) {
  const bool nothing = code == 3 || code == 4;
  return nothing && part.whole_runs && part.plan.to_run() == 0 ? 0 : code;
}

Result<int> carry_out_part(Program& program, const RunOptions& options, const Part& part,
                           const std::vector<RunTarget>& targets, const lab::Inventory& inventory,
                           const OtherKernels& others, const RunLimit& limit) {
  auto expected = expected_times(options.out, part.plan);  // before this run becomes the newest
  RunSettings settings = TRY(settings_for(program, options, targets, others));
  settings.properties.insert(part.properties.begin(), part.properties.end());
  settings.allowances = inventory.allowances;
  settings.before = expected;
  settings.properties["plan"] = digest_of(part.plan);
  const OwnFolder own = TRY(open_own_folder(options, take_up_of(options, part, targets), program));
  settings.run_id = own.run_id;
  settings.dir = own.dir;
  settings.out_of_time = [&limit] { return limit.out_of_time(); };
  settings.rerun_interrupted = options.rerun_interrupted;
  if (own.left) settings.settled_before = own.left->settled;
  if (own.left) settings.begun_before = own.left->begun;
  const size_t kept = own.left ? own.left->kept.size() : 0;
  Broadcast sinks;
  ReportTrouble trouble(program);
  TRY(add_reports(sinks, program, settings, options, kept, std::move(expected), trouble));
  reports::Retelling all(sinks, own.left ? own.left->kept : std::vector<Event>{});
  OneAtATime events(all);
  const Custodians custodians = TRY(custodians_for(machines_of(targets), inventory, settings.dir, events));
  const int code =
      carry_out(part.plan, profiles_of(machines_of(targets)), {settings, events, limit.stop()}, custodians);
  return trouble.exit_code(shard_exit_code(part, code));
}

}  // namespace

Result<int> run_verb(Program& program, const RunOptions& options) {
  if (!options.plan.empty()) return night_verb(program, options);
  if (!options.resume.empty()) return run_verb(program, TRY(options_of_run(options, program)));
  const auto limit = TRY(RunLimit::start(options.until, program.stop));
  lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  for (lab::VirtualMachine& vm : inventory.vms) vm.passed.force = vm.passed.force || options.force;
  auto machines = TRY(chosen_machines(known_machines(inventory, options.machine, options.jobs), options.targets));
  TRY(find_passed(machines, !options.dry_run, program));
  const OtherKernels others = TRY(find_other_kernels(all_cases(), program.patience()));
  const auto targets = TRY(targets_of(std::move(machines), options, others, program.patience()));
  const auto profiles = profiles_of(machines_of(targets));
  const std::vector<CaseInfo> cases = with_soak(all_cases(), options.soak);  // which the plan points to
  Plan plan = TRY(make_plan(cases, profiles, options.selection, {}));
  if (options.dry_run) {
    const Part part = TRY(part_for(options, std::move(plan), targets));
    const auto left = TRY(look_at_folder(options, take_up_of(options, part, targets)));
    reports::print_table(program.out, list_plan(rest_of(part.plan, left)).rows);
    return 0;
  }
  if (plan.cases.empty()) {
    reports::print_error(program.err, usage_error(fmt::format("no case matches '{}'", options.selection.filter))
                                          .because("`holdfast list cases` shows them all"));
    return 3;
  }
  const Part part = TRY(part_for(options, std::move(plan), targets));
  return carry_out_part(program, options, part, targets, inventory, others, *limit);
}

}  // namespace holdfast
