// Who may touch a host now, and how does a holder learn that it is not he any more?
#include "lab/lease/lease.h"

#include <fmt/format.h>

#include <utility>

#include "lab/lease/held.h"
#include "lab/lease/marks.h"
#include "lab/lease/observer.h"

namespace holdfast::lab {
namespace {

/// How often somebody who waits looks again, in parts of a heartbeat.
constexpr int kLooksPerBeat = 4;

/// What the report says of a holder who did not release.
std::string farewell(const Standing& standing, Sign sign, LeaseClock::Wall now) {
  if (sign == Sign::kFree) return {};
  const std::string_view end =
      sign == Sign::kGone ? "; his process is gone" : "; no sign of life for too long, so it was taken over";
  return "was " + holder_text(standing, now) + std::string(end);
}

}  // namespace

Lease::Lease(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

Result<Lease> Lease::claim(const LeasePlace& place, const LeaseRequest& request, const LeaseTiming& timing,
                           std::string taken_over) {
  const Standing standing = TRY(read_standing(place));
  const uint64_t token = TRY(next_token(place, standing));
  LeaseRecord record{.owner = TRY(Owner::self()),
                     .purpose = request.purpose,
                     .run_dir = request.run_dir,
                     .console = {},
                     .token = token,
                     .taken_at = timing.clock.wall(),
                     .taken_since_boot = timing.clock.since_boot(),
                     .expiry = timing.expiry};
  TRY(clear_lease(place));
  TRY(write_beat(place, token, 0, timing.clock));
  TRY(write_file_atomic(place.lease(), to_json(record)));
  return Lease(TRY(Held::start(place, std::move(record), timing, std::move(taken_over))));
}

Result<Lease> Lease::take(const LeasePlace& place, const LeaseRequest& request, const LeaseTiming& timing,
                          const Deadline& deadline) {
  if (timing.beat <= Millis(0) || timing.beat * 3 > timing.expiry) {
    return usage_error("a lease must be renewed at least three times in the time after which it expires");
  }
  const Owner self = TRY(Owner::self());
  LeaseObserver observer(timing, self);
  while (true) {
    std::string by_whom;
    {
      const FileLock files = TRY(lock_place(place, deadline));
      const Standing standing = TRY(read_standing(place));
      const Sign sign = observer.look(standing);
      const auto now = timing.clock.wall();
      const auto reservation = TRY(reservation_of(place, timing.clock));
      const bool kept_out = reservation && keeps_out(*reservation, self);
      if (kept_out) {
        by_whom = reservation_text(*reservation, now);
      } else if (sign != Sign::kAlive && sign != Sign::kUncertain) {
        return claim(place, request, timing, farewell(standing, sign, now));
      } else {
        by_whom = holder_text(standing, now);
      }
      const bool look_on = sign == Sign::kUncertain && !kept_out;
      if (!look_on && !request.wait) return leased_error(place, by_whom);
    }
    if (deadline.expired()) return leased_error(place, by_whom);
    if (wait_until(deadline.at_most(timing.beat / kLooksPerBeat)) == Wake::kStopped) {
      return wait_error(Wake::kStopped, fmt::format("the lease of {}", place.host));
    }
  }
}

const Stop& Lease::lost() const { return held_->lost(); }
std::string Lease::lost_because() const { return held_->lost_because(); }
uint64_t Lease::token() const { return held_->token(); }
std::filesystem::path Lease::file() const { return held_->place().lease(); }
const std::string& Lease::taken_over() const { return held_->taken_over(); }

Result<void> Lease::tell_console(const std::filesystem::path& socket, const Deadline& deadline) {
  return held_->tell_console(socket, deadline);
}

Result<void> Lease::release(const Deadline& deadline) { return held_->release(deadline); }
void Lease::abandon() { held_->abandon(); }

Result<void> Lease::check(const std::filesystem::path& file, uint64_t token, const LeaseClock& clock) {
  const LeasePlace place{.folder = file.parent_path(), .host = file.stem().string()};
  const auto lost = [&](const std::string& why) {
    return lab_error("lease-lost", fmt::format("the lease of {} is lost: {}", place.host, why));
  };
  auto standing = read_standing(place);
  if (!standing) return lost(standing.error().what);
  const std::optional<LeaseRecord>& lease = standing->lease;
  const std::optional<Beat>& beat = standing->beat;
  if (!lease) return lost("its file is gone or cannot be read");
  if (lease->token != token) return lost(holder_text(*standing, clock.wall()));
  const Millis last = beat ? beat->since_boot : lease->taken_since_boot;
  const LeaseTiming timing{.beat = {}, .expiry = lease->expiry, .clock = clock};
  if (clock.since_boot() - last >= timing.patience()) return lost("it was not renewed in time");
  return {};
}

}  // namespace holdfast::lab
