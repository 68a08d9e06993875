// Does the holder of a lease still live, as far as somebody who looks on can tell?
#pragma once

#include <optional>
#include <string>

#include "lab/lease/lease.h"

namespace holdfast::lab {

enum class Sign {
  kFree,       ///< nobody holds it
  kAlive,      ///< the holder gave a sign of life
  kUncertain,  ///< none seen yet, and not long enough looked for one
  kGone,       ///< the holder's process is no more
  kExpired,    ///< no sign of life for too long
};

/// Looks at the same host's files again and again. A holder on this machine is judged by his process and by this
/// machine's clock; one elsewhere by whether his heartbeat changes while we look: clocks of two machines are never
/// compared. A lease that cannot be read is judged in the same way.
class LeaseObserver {
 public:
  LeaseObserver(const LeaseTiming& timing, Owner self) : timing_(timing), self_(std::move(self)) {}
  Sign look(const Standing& now);

 private:
  const LeaseTiming& timing_;
  const Owner self_;
  std::string seen_;
  Millis seen_since_{0};
};

/// "18:02 UTC", with the date when that is another day than `now`.
std::string clock_text(LeaseClock::Wall when, LeaseClock::Wall now);
/// "3 s", "2 min", "5 h".
std::string span_text(std::chrono::seconds span);
/// "held by alice@ctl-2 (holdfast run in /runs/7, pid 4711) since 18:02 UTC, last sign of life 3 s ago".
std::string holder_text(const Standing& standing, LeaseClock::Wall now);
/// lab.leased with that text, and what can be done about it.
Error leased_error(const LeasePlace& place, const std::string& by_whom);

}  // namespace holdfast::lab
