// How does a BMC switch a host's power?
#pragma once

#include <memory>

#include "lab/metal/power.h"

namespace holdfast::lab {

/// With the ability Bmc.
std::unique_ptr<HostPower> ipmi_power(const IpmiAccess& bmc, const PowerPace& pace);

}  // namespace holdfast::lab
