// How is a machine that was stopped and kept told to go on as one of its own?
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

/// The word on the command line at which the agent, as init, stops before it has looked at anything that is one boot's
/// own: boot_id, clock, random numbers. It says `held` and waits for `begin`; its hello comes after that.
inline constexpr std::string_view kHoldWord = "holdfast.hold";

/// The agent holds: this is the moment to keep the machine.
struct Held {
  static constexpr std::string_view kEvent = "held";
  uint64_t uptime_ms = 0;
};

/// Go on. What has been one machine may go on many times, and no two may draw the same random numbers or have the same
/// time. Refused when seed or time were not taken.
struct Begin {
  static constexpr std::string_view kVerb = "begin";
  using Reply = Empty;
  uint64_t wall_ms = 0;  ///< the time of day, since 1970 UTC
  Bytes blob;            ///< the seed: random bytes that nobody else gets, at least 32
};

}  // namespace holdfast::wire
