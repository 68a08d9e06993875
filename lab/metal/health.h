// Is a host healthy: the one that the inventory describes, and in its stable system?
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/base/process.h"
#include "harness/checkup.h"
#include "harness/target.h"
#include "lab/host.h"
#include "lab/metal/power.h"

namespace holdfast::lab {

/// What the gate looks with. What is empty is not looked at: a host may have no console, no switch.
struct GateMeans {
  /// Runs a command on the host over ssh, with the pinned host key, as root.
  std::function<Result<Output>(const std::vector<std::string>& argv, const Deadline&)> run;
  Console* console = nullptr;  ///< its recorder
  std::vector<HostPower*> power = {};
  std::vector<HostDevice> devices = {};  ///< as the inventory has them
  double time_scale = 1.0;
};

/// A line for each check: ssh, stable kernel, devices, power switches, console. Writes one line to the host's console.
/// Without ssh, only the switches are looked at besides.
std::vector<Finding> look_at(const GateMeans& means, const Deadline& deadline);

/// Ok when nothing is missing. Errors: lab.unhealthy with all findings as evidence; harness.stopped.
Result<void> pass_gate(const GateMeans& means, const Deadline& deadline);

/// "ok ssh: answers", a line each.
std::string to_text(const std::vector<Finding>& findings);

}  // namespace holdfast::lab
