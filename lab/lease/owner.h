// Which process holds a lease, and does it still live?
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// Where leases take the time from.
struct LeaseClock {
  using Wall = std::chrono::system_clock::time_point;
  /// Since this machine booted, suspended time included: never steps, and is the same in all its processes. What
  /// expires, expires by it.
  std::function<Millis()> since_boot;
  /// For people and for reservations, which end at a time of day.
  std::function<Wall()> wall;

  static LeaseClock real();
};

/// A process, named so that another one with the same number is not taken for it.
struct Owner {
  std::string user = {};
  std::string host = {};  ///< the controller's name
  pid_t pid = 0;
  uint64_t start = 0;        ///< of the process, in ticks since boot: /proc/pid/stat, field 22 (proc(5))
  std::string boot_id = {};  ///< of the controller
  std::string space = {};    ///< namespaces of process numbers and of time: within one, both can be compared

  /// This process.
  static Result<Owner> self();
  /// "alice@ctl-2".
  std::string name() const { return user + "@" + host; }
};

/// kElsewhere: it runs where its number says nothing to us.
enum class Life { kAlive, kGone, kElsewhere };

/// A zombie counts as gone: it does nothing any more.
Life life_of(const Owner& owner, const Owner& self);

}  // namespace holdfast::lab
