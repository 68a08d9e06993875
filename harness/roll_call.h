// The link to the agent is silent: is it the link, or is it the kernel?
#pragma once

#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/target.h"

namespace holdfast {

/// What an agent said on the console.
struct Presence {
  bool idle = false;       ///< it waits for a request: what was sent to it has not arrived, or is answered
  bool coming_up = false;  ///< it has begun, and has no link yet
  std::string doing;       ///< "idle", "coming up", "busy with vfio_bind for 12 s (state D in vfio_pci_probe)"
};

/// A target's optional ability: the agent of the kernel that runs answers on the console.
class AnswersOnConsole {
 public:
  virtual ~AnswersOnConsole() = default;
  /// Calls it.
  virtual std::optional<Presence> call_agent(const Deadline& deadline) = 0;
};

/// Calls the agent of the running kernel over the console, a few times until the deadline: messages of the kernel may
/// tear a line. Nothing when it does not answer.
std::optional<Presence> call_over_console(Console& console, const Deadline& deadline);

}  // namespace holdfast
