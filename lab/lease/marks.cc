// Is a host kept by a person, or out of service?
#include "lab/lease/marks.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "lab/lease/observer.h"

namespace holdfast::lab {

Result<std::optional<Reservation>> reservation_of(const LeasePlace& place, const LeaseClock& clock) {
  const auto text = TRY(read_if_there(place.reservation()));
  if (!text) return std::optional<Reservation>();
  auto reservation = TRY_IN(place.reservation().string(), parse_reservation(*text));
  if (reservation.until <= clock.wall()) return std::optional<Reservation>();
  return std::optional<Reservation>(std::move(reservation));
}

bool keeps_out(const Reservation& reservation, const Owner& self) { return reservation.user != self.user; }

std::string reservation_text(const Reservation& reservation, LeaseClock::Wall now) {
  return fmt::format("reserved by {}@{}{} since {} until {}", reservation.user, reservation.host,
                     reservation.why.empty() ? "" : fmt::format(" ({})", reservation.why),
                     clock_text(reservation.since, now), clock_text(reservation.until, now));
}

Result<Reservation> reserve(const LeasePlace& place, std::string why, std::chrono::seconds span,
                            const LeaseTiming& timing, const Deadline& deadline) {
  const Owner self = TRY(Owner::self());
  const auto lock = TRY(lock_place(place, deadline));
  const auto now = timing.clock.wall();
  if (const auto other = TRY(reservation_of(place, timing.clock)); other && keeps_out(*other, self)) {
    return leased_error(place, reservation_text(*other, now));
  }
  const Standing standing = TRY(read_standing(place));
  const Sign sign = LeaseObserver(timing, self).look(standing);
  const bool held = sign == Sign::kAlive || sign == Sign::kUncertain;
  if (held && !(standing.lease && standing.lease->owner.user == self.user)) {
    return leased_error(place, holder_text(standing, now));
  }
  Reservation reservation{
      .user = self.user, .host = self.host, .why = std::move(why), .since = now, .until = now + span};
  TRY(write_file_atomic(place.reservation(), to_json(reservation)));
  return reservation;
}

Result<std::optional<Quarantine>> quarantine_of(const LeasePlace& place) {
  const auto text = TRY(read_if_there(place.quarantine()));
  if (!text) return std::optional<Quarantine>();
  auto quarantine = parse_quarantine(*text);
  if (quarantine) return std::optional<Quarantine>(*std::move(quarantine));
  return std::optional<Quarantine>(
      Quarantine{.why = quarantine.error().what, .run = place.quarantine().string(), .rung = {}, .since = {}});
}

std::string quarantine_text(const Quarantine& quarantine, LeaseClock::Wall now) {
  const std::string since =
      quarantine.since == LeaseClock::Wall() ? "" : fmt::format(" since {}", clock_text(quarantine.since, now));
  return fmt::format("in quarantine{}: {} (found by {}{})", since, quarantine.why, quarantine.run,
                     quarantine.rung.empty() ? "" : fmt::format(", last tried: {}", quarantine.rung));
}

Result<void> set_quarantine(const LeasePlace& place, Quarantine quarantine, const LeaseClock& clock) {
  quarantine.since = clock.wall();
  return write_file_atomic(place.quarantine(), to_json(quarantine));
}

Result<void> lift_quarantine(const LeasePlace& place) { return remove_file(place.quarantine()); }

}  // namespace holdfast::lab
