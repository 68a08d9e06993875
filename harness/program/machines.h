// Which machines can the program drive, and how is one of them made?
#pragma once

#include <string>
#include <vector>

#include "harness/options.h"
#include "harness/plan.h"
#include "lab/qemu/accel.h"

namespace holdfast {

/// The target that is there without any inventory.
inline constexpr const char* kBuiltinTarget = "qemu";

/// The option parser let nothing else pass.
lab::AccelWish accel_wish(const MachineOptions& machine);

/// All targets; `slots` is how many cases may run on the built-in one at once.
std::vector<TargetProfile> known_targets(int slots);

/// Those of these names, or all of them. Errors: harness.usage with the nearest name.
Result<std::vector<TargetProfile>> chosen_targets(const std::vector<std::string>& names, int slots);

}  // namespace holdfast
