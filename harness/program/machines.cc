// Which machines can the program drive, and how is one of them made?
#include "harness/program/machines.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "lab/qemu/parts.h"

namespace holdfast {

lab::AccelWish accel_wish(const MachineOptions& machine) {
  return lab::accel_wish_from(machine.accel).value_or(lab::AccelWish::kAuto);
}

std::vector<TargetProfile> known_targets(int slots) {
  return {{.name = kBuiltinTarget,
           .devices = lab::builtin_devices(),
           .traits = {"emulated", "bus-numbers-can-move", "hot-plug"},
           .slots = slots}};
}

Result<std::vector<TargetProfile>> chosen_targets(const std::vector<std::string>& names, int slots) {
  auto known = known_targets(slots);
  if (names.empty()) return known;
  std::vector<TargetProfile> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(known, name, &TargetProfile::name);
    if (found == known.end()) {
      return usage_error(fmt::format("no target is called '{}'; did you mean '{}'?", name, kBuiltinTarget))
          .because("`holdfast list targets` shows them all");
    }
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace holdfast
