// What does the process of one case do?
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "fixtures/case_main.h"
#include "harness/case_process.h"
#include "harness/kernel_choice.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "harness/program/targets.h"
#include "lab/inventory/inventory.h"
#include "lab/passthrough/passthrough_custody.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// The devices of these roles, as the target declares them.
Result<std::vector<Device>> devices_of(const TargetProfile& target, const std::vector<std::string>& roles) {
  std::vector<Device> devices;
  for (const std::string& role : roles) {
    const auto found = std::ranges::find(target.devices, role, &Device::role);
    if (found == target.devices.end()) return usage_error(fmt::format("no device is called '{}'", role));
    devices.push_back(*found);
  }
  return devices;
}

/// The addresses that the run took, in place of what the inventory says.
Result<void> use_passed(lab::Inventory& inventory, const CaseOptions& options) {
  for (lab::VirtualMachine& vm : inventory.vms) {
    if (vm.name != options.target || !vm.takes_devices()) continue;
    if (options.passed.empty()) {
      return harness_error("custody", fmt::format("the case was not told which devices {} has", vm.name));
    }
    vm.passed = TRY(lab::with_passed(std::move(vm.passed), options.passed));
  }
  return {};
}

}  // namespace

/// Everything it has to say goes through the pipe; its exit code tells nothing.
Result<int> case_verb(Program& program, const CaseOptions& options) {
  EventPipe events(options.events_fd);
  const CaseInfo* info = find_case(options.case_name);
  if (info == nullptr) return usage_error(fmt::format("no case is called '{}'", options.case_name));
  lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  TRY(use_passed(inventory, options));
  auto machines = TRY(chosen_machines(known_machines(inventory, options.machine, 1), {options.target}));
  place_passed(machines);
  const Machine machine = std::move(machines.front());
  std::vector<Device> devices = TRY(devices_of(machine.profile, options.devices));
  Where where{.target = options.target, .id = {info->suite, info->name, ""}, .attempt = options.attempt};
  if (devices.size() == 1) where.id.device = devices.front().role;
  const Kernels kernels = TRY(resolve_kernels(options.kernels, program.patience()));
  OtherKernels others = TRY(other_kernels_from(options.other_kernels, program.patience()));
  const fs::path dir = options.run_dir / attempt_dir(where, options.several_targets);
  auto target = make_target(machine, options, where, dir);
  if (auto found = find_devices(machine, options, devices, program.patience()); target && !found)
    target = found.error();
  if (!target) {
    events.on(AttemptEnded{.where = where, .verdict = Verdict::from(target.error()), .properties = {}, .dir = {}});
    return 0;
  }
  // A promise about live update that needs no device is about none; one about kexec is about all that there are.
  const bool whole_machine = devices.empty() && info->needs.level == Level::kKexec;
  ScenarioSetup setup{.target = **target,
                      .events = events,
                      .where = where,
                      .dir = dir,
                      .kernel = kernels.a,
                      .next_kernel = kernels.b,
                      .modules = kernels.modules,
                      .append = options.kernels.append,
                      .next_append = options.kernels.next_append,
                      .other_kernels = std::move(others),
                      .devices = std::move(devices),
                      .whole_machine = whole_machine,
                      .allowances = inventory.allowances,
                      .timeout_scale = options.timeout_scale,
                      .stop = &program.stop};
  if (options.soak > 0) setup.soak = options.soak;
  AttemptEnded ended = run_case(*info, std::move(setup), options.gtest_args);
  events.on(SuiteFacts{.suite = "", .properties = (*target)->facts()});
  target->reset();  // the machine is gone before its case is said to be over
  if (ended.verdict.outcome == Outcome::kPassed) tidy_up(dir);  // else it is evidence
  events.on(ended);
  return 0;
}

}  // namespace holdfast
