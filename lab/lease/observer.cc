// Does the holder of a lease still live, as far as somebody who looks on can tell?
#include "lab/lease/observer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::lab {

using std::chrono::floor;
using std::chrono::seconds;

Sign LeaseObserver::look(const Standing& now) {
  if (now.lease_text.empty()) {
    seen_.clear();
    return Sign::kFree;
  }
  const Millis at = timing_.clock.since_boot();
  const std::string text = now.lease_text + now.beat_text;
  const bool moved = !seen_.empty() && text != seen_;
  if (text != seen_) {
    seen_ = text;
    seen_since_ = at;
  }
  const Millis expiry = now.lease ? now.lease->expiry : timing_.expiry;
  const bool unmoved_for_long = at - seen_since_ >= expiry;
  if (now.lease) {
    const Life life = life_of(now.lease->owner, self_);
    if (life == Life::kGone) return Sign::kGone;
    if (life == Life::kAlive && now.beat) return at - now.beat->since_boot >= expiry ? Sign::kExpired : Sign::kAlive;
    if (moved) return Sign::kAlive;
  }
  return unmoved_for_long ? Sign::kExpired : Sign::kUncertain;
}

std::string clock_text(LeaseClock::Wall when, LeaseClock::Wall now) {
  const auto whole = floor<seconds>(when);
  const bool today = floor<std::chrono::days>(when) == floor<std::chrono::days>(now);
  return today ? fmt::format("{:%H:%M} UTC", whole) : fmt::format("{:%Y-%m-%d %H:%M} UTC", whole);
}

std::string span_text(seconds span) {
  const auto count = std::max<seconds::rep>(span.count(), 0);
  if (count < 120) return fmt::format("{} s", count);
  if (count < 120 * 60) return fmt::format("{} min", count / 60);
  return fmt::format("{} h", count / 3600);
}

std::string holder_text(const Standing& standing, LeaseClock::Wall now) {
  if (!standing.lease) return "held by somebody whose lease file cannot be read";
  const LeaseRecord& lease = *standing.lease;
  const LeaseClock::Wall last = standing.beat ? standing.beat->at : lease.taken_at;
  return fmt::format("held by {} ({}{}{}, pid {}) since {}, last sign of life {} ago", lease.owner.name(),
                     lease.purpose, lease.run_dir.empty() ? "" : " in ", lease.run_dir.string(), lease.owner.pid,
                     clock_text(lease.taken_at, now), span_text(floor<seconds>(now - last)));
}

Error leased_error(const LeasePlace& place, const std::string& by_whom) {
  return lab_error("leased", fmt::format("{} is {}", place.host, by_whom))
      .because(fmt::format("wait, or `holdfast lab release {} --force`", shell_quote(place.host)));
}

}  // namespace holdfast::lab
