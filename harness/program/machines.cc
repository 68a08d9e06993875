// Which machines can the program drive: those of the lab's inventory, and the built-in one?
#include "harness/program/machines.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/capacity.h"
#include "harness/timeouts.h"
#include "lab/profiles.h"
#include "lab/qemu/parts.h"
#include "lab/qemu/vfio_argv.h"

namespace holdfast {
namespace {

Machine builtin(const MachineOptions& options, int jobs) {
  return {.profile = {.name = kBuiltinTarget,
                      .devices = lab::builtin_devices(),
                      .traits = lab::builtin_traits(),
                      .slots = jobs > 0 ? jobs : machines_at_once(options.cpus, options.memory_mib)},
          .vm = options};
}

MachineOptions size_of(const lab::VirtualMachine& vm, bool cold) {
  return {.accel = std::string(to_string(vm.accel)),
          .memory_mib = static_cast<int>(vm.memory_mib),
          .cpus = static_cast<int>(vm.cpus),
          .cold = cold};
}

/// Booting such a machine takes longer, and what takes longer there has the same reasons everywhere.
double slower(unsigned memory_mib, const std::vector<lab::PlacedDevice>& placed) {
  const std::chrono::duration<double> more = lab::passthrough_patience(memory_mib, placed);
  const std::chrono::duration<double> boot = limit_of(Phase::kBoot);
  return 1.0 + more / boot;
}

Result<void> place(Machine& machine, const Result<lab::LocalMachine>& local) {
  if (!local) return local.error();
  machine.placed = TRY(lab::place_devices(machine.declared->passed, *local));
  const auto devices = lab::test_devices(machine.placed, *local);
  // They stand in the profile already, in the order of the inventory.
  for (size_t i = 0; i < devices.size(); ++i) machine.profile.devices[machine.placed[i].index] = devices[i];
  machine.time_scale *= slower(machine.declared->memory_mib, machine.placed);
  return {};
}

}  // namespace

lab::AccelWish accel_wish(const MachineOptions& machine) {
  return lab::accel_wish_from(machine.accel).value_or(lab::AccelWish::kAuto);
}

std::vector<Machine> known_machines(const lab::Inventory& inventory, const MachineOptions& options, int jobs) {
  std::vector<Machine> machines;
  for (TargetProfile& profile : lab::profiles(inventory)) {
    Machine machine{.profile = std::move(profile)};
    const std::string& name = machine.profile.name;
    machine.host = lab::find_host(inventory, name);
    machine.declared = lab::find_vm(inventory, name);
    if (machine.host != nullptr) machine.time_scale = machine.host->time_scale;
    if (machine.declared != nullptr) {
      machine.time_scale = machine.declared->time_scale;
      machine.vm = size_of(*machine.declared, options.cold);
      if (jobs > 0 && !machine.declared->takes_devices()) machine.profile.slots = jobs;
    }
    machines.push_back(std::move(machine));
  }
  const bool taken = std::ranges::any_of(machines, [](const Machine& m) { return m.profile.name == kBuiltinTarget; });
  if (!taken) machines.push_back(builtin(options, jobs));
  return machines;
}

void place_passed(std::vector<Machine>& machines) {
  std::optional<Result<lab::LocalMachine>> local;  // looked at once, and only if somebody wants to know
  for (Machine& machine : machines) {
    if (machine.declared == nullptr || !machine.declared->takes_devices()) continue;
    if (!local) local = lab::look_at_machine();
    if (auto placed = place(machine, *local); !placed) machine.trouble = std::move(placed).error();
  }
}

Result<std::vector<Machine>> chosen_machines(const std::vector<Machine>& known, const std::vector<std::string>& names) {
  // The built-in one is the last; it stands in for a lab only where there is none.
  if (names.empty()) return std::vector<Machine>(known.begin(), known.size() == 1 ? known.end() : known.end() - 1);
  std::vector<std::string> words;
  for (const Machine& machine : known) words.push_back(machine.profile.name);
  std::vector<Machine> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(words, name);
    if (found == words.end()) {
      const auto close = nearest(name, words);
      return usage_error(
                 fmt::format("no target is called '{}'; did you mean '{}'?", name, close.value_or(words.back())))
          .because("`holdfast list targets` shows them all; --lab FILE adds those of an inventory");
    }
    chosen.push_back(known[static_cast<size_t>(found - words.begin())]);
  }
  return chosen;
}

bool is_undivided(const Machine& machine) {
  return machine.host != nullptr || (machine.declared != nullptr && machine.declared->takes_devices());
}

std::vector<TargetProfile> profiles_of(const std::vector<Machine>& machines) {
  std::vector<TargetProfile> profiles;
  for (const Machine& machine : machines) profiles.push_back(machine.profile);
  return profiles;
}

KernelOptions kernels_for(const Machine& machine, KernelOptions chosen) {
  if (machine.host == nullptr || !chosen.kernel.empty()) return chosen;
  chosen.kernel = machine.host->kernel;
  if (chosen.next_kernel.empty()) chosen.next_kernel = machine.host->next_kernel;
  if (chosen.modules.empty()) chosen.modules = machine.host->modules;
  return chosen;
}

}  // namespace holdfast
