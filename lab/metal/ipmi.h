// How is a BMC asked something?
#pragma once

#include <string>
#include <vector>

#include "harness/base/process.h"
#include "lab/host.h"

namespace holdfast::lab {

/// ipmitool with these words for that BMC. The password travels in the child's environment, never in its argv.
/// Errors: those of read_secret().
Result<Command> ipmi_command(const IpmiAccess& bmc, std::vector<std::string> words);

/// Runs it to its end, for at most some seconds when the BMC does not answer; gives what it printed. Errors: lab.bmc
/// with what ipmitool said as evidence (errnum is EACCES when user or password were refused: trying again would only
/// bring the account closer to being locked, and ETIME when the deadline cut it short), lab.exec, harness.stopped.
Result<std::string> ipmi(const IpmiAccess& bmc, std::vector<std::string> words, const Deadline& deadline);

/// "127.0.0.1:623".
std::string name_of(const IpmiAccess& bmc);

}  // namespace holdfast::lab
