// What does the process of one case do?
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "fixtures/case_main.h"
#include "harness/base/file.h"
#include "harness/case_process.h"
#include "harness/kernel/data_dir.h"
#include "harness/kernel_choice.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"
#include "lab/inventory/inventory.h"
#include "lab/qemu/qemu_target.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

Result<lab::QemuConfig> machine_for(const CaseOptions& options, const Where& where, const fs::path& dir) {
  lab::QemuConfig config;
  config.name = options.target;
  config.memory_mib = static_cast<unsigned>(options.machine.memory_mib);
  config.cpus = static_cast<unsigned>(options.machine.cpus);
  config.accel = accel_wish(options.machine);
  config.agent = agent_path();
  config.work_dir = dir / "vm";
  config.console_log = dir / "console.log";
  config.target_log = options.run_dir / "targets" / options.target / "console.log";
  config.slot = fmt::format("{}#{}", where.id.key(), where.attempt);
  config.cache_dir = TRY(cache_dir());
  TRY(make_dirs(config.work_dir));
  TRY(make_dirs(config.target_log.parent_path()));
  return config;
}

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

}  // namespace

/// Everything it has to say goes through the pipe; its exit code tells nothing.
Result<int> case_verb(Program& program, const CaseOptions& options) {
  EventPipe events(options.events_fd);
  const CaseInfo* info = find_case(options.case_name);
  if (info == nullptr) return usage_error(fmt::format("no case is called '{}'", options.case_name));
  const auto targets = TRY(chosen_targets({options.target}, 1));
  std::vector<Device> devices = TRY(devices_of(targets.front(), options.devices));
  Where where{.target = options.target, .id = {info->suite, info->name, ""}, .attempt = options.attempt};
  if (devices.size() == 1) where.id.device = devices.front().role;
  const lab::Inventory inventory = TRY(lab::read_inventory(options.lab));
  const Kernels kernels = TRY(resolve_kernels(options.kernels, program.patience()));
  const fs::path dir = options.run_dir / attempt_dir(where);
  auto target = lab::make_qemu_target(TRY(machine_for(options, where, dir)));
  if (!target) {
    events.on(AttemptEnded{.where = where, .verdict = Verdict::from(target.error()), .properties = {}, .dir = {}});
    return 0;
  }
  ScenarioSetup setup{.target = **target,
                      .events = events,
                      .where = where,
                      .dir = dir,
                      .kernel = kernels.a,
                      .next_kernel = kernels.b,
                      .modules = kernels.modules,
                      .append = options.kernels.append,
                      .next_append = options.kernels.next_append,
                      .other_kernels = TRY(other_kernels_from(options.other_kernels, program.patience())),
                      .devices = std::move(devices),
                      .allowances = inventory.allowances,
                      .timeout_scale = options.timeout_scale,
                      .stop = &program.stop};
  AttemptEnded ended = run_case(*info, std::move(setup), options.gtest_args);
  events.on(SuiteFacts{.suite = "", .properties = (*target)->facts()});
  target->reset();  // the machine is gone before its case is said to be over
  std::error_code ignored;
  if (ended.verdict.outcome == Outcome::kPassed) fs::remove_all(dir / "vm", ignored);  // else QEMU's words are evidence
  events.on(ended);
  return 0;
}

}  // namespace holdfast
