// Which machines can the program drive: those of the lab's inventory, and the built-in one?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/options.h"
#include "harness/plan.h"
#include "lab/inventory/inventory.h"
#include "lab/passthrough/passed_device.h"

namespace holdfast {

/// The target that is there without any inventory.
inline constexpr const char* kBuiltinTarget = "qemu";

/// A target, and what it is made of.
struct Machine {
  TargetProfile profile;
  const lab::Host* host = nullptr;  ///< a host of the inventory, which the Machine must not outlive; null: it is
  MachineOptions vm = {};           ///< a virtual machine of this size
  const lab::VirtualMachine* declared = nullptr;  ///< in the inventory, likewise; null: it is a host or built in
  std::vector<lab::PlacedDevice> placed = {};     ///< devices of this machine that it gets
  std::optional<Error> trouble = {};              ///< why they could not be placed
  double time_scale = 1.0;
};

/// All targets: the inventory's, then the built-in one. `options` says how that is made, and in how many cases at once
/// (0: as many as this computer bears).
std::vector<Machine> known_machines(const lab::Inventory& inventory, const MachineOptions& options, int jobs = 0);

/// Finds the devices of this machine that virtual machines are to have, and where in the guest each will be; their
/// profiles have the addresses then. Where that fails they keep them without, and `trouble` says why. Only looks, and
/// at nothing when no such device is declared.
void place_passed(std::vector<Machine>& machines);

/// Those of these names; without names all of the inventory, or the built-in one where the inventory has none. Errors:
/// harness.usage with the nearest name.
Result<std::vector<Machine>> chosen_machines(const std::vector<Machine>& known, const std::vector<std::string>& names);

/// Whether one run at a time can use it: a host, or a machine that is given devices of this computer.
bool is_undivided(const Machine& machine);

std::vector<TargetProfile> profiles_of(const std::vector<Machine>& machines);

/// The user's choice of kernels, and where there is none the host's own.
KernelOptions kernels_for(const Machine& machine, KernelOptions chosen);

/// The option parser let nothing else pass.
lab::AccelWish accel_wish(const MachineOptions& machine);

}  // namespace holdfast
