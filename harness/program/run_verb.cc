// What does `holdfast run` do?
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/broadcast.h"
#include "harness/capacity.h"
#include "harness/kernel_choice.h"
#include "harness/listing.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "harness/run.h"
#include "lab/inventory/inventory.h"
#include "reports/artifacts.h"
#include "reports/journal.h"
#include "reports/junit.h"
#include "reports/terminal.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// The kernels of a run: A and B, and those that single cases go to.
struct RunKernels {
  Kernels main;
  OtherKernels others;
};

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("localhost");
}

/// What starts the process of a case. It gets resolved paths: what a name means may change while the run goes on.
std::vector<std::string> case_argv(const RunOptions& options, const RunKernels& kernels) {
  std::vector<std::string> argv{own_path().string(), "case", "--timeout-scale",
                                fmt::format("{}", options.timeout_scale)};
  std::ranges::copy(to_argv(pinned(options.kernels, kernels.main), options.machine), std::back_inserter(argv));
  std::ranges::copy(to_argv(kernels.others), std::back_inserter(argv));
  return argv;
}

Properties run_properties(const Program& program, const Kernels& kernels) {
  return {{"program", fmt::format("holdfast {}", kVersion)},
          {"command_line", shell_quote(program.argv)},
          {"target", kBuiltinTarget},
          {"kernel", fmt::format("{} ({})", kernels.a.release, kernels.a.path.string())},
          {"next_kernel", fmt::format("{} ({})", kernels.b.release, kernels.b.path.string())},
          {"kernel.build_id", kernels.a.build_id},
          {"next_kernel.build_id", kernels.b.build_id}};
}

Result<RunSettings> settings_for(const Program& program, const RunOptions& options, const RunKernels& kernels) {
  RunSettings settings;
  settings.run_id = random_hex(3);
  const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
  settings.dir = TRY(reports::create_run_folder(fs::absolute(options.out), stamp, settings.run_id));
  settings.retry_infra = options.retry_infra;
  settings.repeat = options.repeat;
  settings.failfast = options.failfast;
  settings.timeout_scale = options.timeout_scale;
  settings.kernels = fmt::format("{}..{}", kernels.main.a.release, kernels.main.b.release);
  settings.gtest_args = options.gtest_args;
  settings.case_argv = case_argv(options, kernels);
  settings.replay_argv = {own_path().string(), "run"};
  if (!options.lab.empty()) {
    for (auto* argv : {&settings.case_argv, &settings.replay_argv}) {
      argv->push_back(fmt::format("--lab={}", fs::absolute(options.lab).string()));
    }
  }
  std::ranges::copy(to_argv(from_anywhere(options.kernels), options.machine), std::back_inserter(settings.replay_argv));
  settings.properties = run_properties(program, kernels.main);
  return settings;
}

Result<void> add_reports(Broadcast& sinks, Program& program, const RunSettings& settings, const RunOptions& options) {
  const reports::OnTrouble tell = [&program](const Error& error) { reports::print_error(program.err, error); };
  sinks.add(TRY(reports::Journal::open(settings.dir / "journal.jsonl", tell)));
  const reports::RunIdentity identity{
      .program_version = std::string(kVersion), .argv = program.argv, .host = host_name()};
  sinks.add(std::make_unique<reports::Artifacts>(settings.dir, identity, tell));
  sinks.add(std::make_unique<reports::JunitReport>(settings.dir / "junit.xml", tell));
  if (!options.junit.empty()) sinks.add(std::make_unique<reports::JunitReport>(fs::absolute(options.junit), tell));
  const auto verbosity = static_cast<reports::Verbosity>(options.verbosity);
  sinks.add(std::make_unique<reports::TerminalReport>(
      program.out, reports::TerminalOptions{.verbosity = verbosity, .junit = options.junit}));
  return {};
}

}  // namespace

Result<int> run_verb(Program& program, const RunOptions& options) {
  const int jobs = options.jobs > 0 ? options.jobs : machines_at_once(options.machine.cpus, options.machine.memory_mib);
  const auto targets = TRY(chosen_targets(options.targets, jobs));
  const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  const RunKernels kernels{.main = TRY(resolve_kernels(options.kernels, program.patience())),
                           .others = TRY(find_other_kernels(all_cases(), program.patience()))};
  const Plan plan =
      TRY(make_plan(all_cases(), targets, options.selection, {kernels.main.a, kernels.main.b, kernels.others}));
  if (options.dry_run) {
    reports::print_table(program.out, list_plan(plan).rows);
    return 0;
  }
  if (plan.cases.empty()) {
    reports::print_error(program.err, usage_error(fmt::format("no case matches '{}'", options.selection.filter))
                                          .because("`holdfast list cases` shows them all"));
    return 3;
  }
  RunSettings settings = TRY(settings_for(program, options, kernels));
  settings.allowances = inventory.allowances;
  Broadcast sinks;
  TRY(add_reports(sinks, program, settings, options));
  return carry_out(plan, targets, {settings, sinks, program.stop});
}

}  // namespace holdfast
