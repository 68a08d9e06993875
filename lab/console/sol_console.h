// How does a BMC carry a console: serial over LAN?
#pragma once

#include <memory>

#include "lab/console/console_source.h"

namespace holdfast::lab {

/// Activates it, and waits until it works. A session that somebody else has is taken from them, with a note: a BMC has
/// one, and often it is a dead one's. Errors: lab.console-lost, lab.bmc, lab.exec, harness.usage, harness.stopped.
Result<std::unique_ptr<ConsoleSource>> open_sol(const IpmiAccess& bmc, const OpenConsole& how,
                                                const Deadline& deadline);

/// Doubles each `~` at the beginning of a line, where ipmitool would take it for its own (`escape` of ssh).
class SolEscape {
 public:
  std::string encode(std::string_view bytes);
  /// What makes ipmitool send a break. Only at the beginning of a line does it listen, so one may have to be begun.
  std::string make_break();

 private:
  bool line_begins_ = true;
};

}  // namespace holdfast::lab
