// How do a lab's own programs switch a host's power?
#pragma once

#include <memory>

#include "lab/metal/power.h"

namespace holdfast::lab {

/// Errors: harness.usage when one of the three programs is missing.
Result<std::unique_ptr<HostPower>> exec_power(const PowerAccess& access, const PowerPace& pace);

}  // namespace holdfast::lab
