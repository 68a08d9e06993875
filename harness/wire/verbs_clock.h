// What does the target's own clock say?
#pragma once

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

struct ClockReply {
  uint64_t now_ms = 0;    ///< CLOCK_BOOTTIME
  uint64_t began_ms = 0;  ///< the same clock when the agent's process began
};
/// Asked for right after a kernel came up: with the time at which the answer comes, it places what happened on the
/// target on the controller's clock.
struct Clock {
  static constexpr std::string_view kVerb = "clock";
  using Reply = ClockReply;
};

}  // namespace holdfast::wire
