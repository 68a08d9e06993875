// How does a fence agent switch a host's power?
#pragma once

#include <memory>

#include "lab/metal/power.h"

namespace holdfast::lab {

/// Options and secrets go to the agent's standard input, a line each. Errors: harness.usage for a line break in one.
Result<std::unique_ptr<HostPower>> fence_power(const PowerAccess& access, const PowerPace& pace);

}  // namespace holdfast::lab
