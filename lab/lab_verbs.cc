// What do the words of `holdfast lab` do?
#include "lab/lab_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "harness/base/text.h"
#include "lab/lease/marks.h"
#include "lab/lease/observer.h"

namespace holdfast::lab {
namespace {

using std::chrono::seconds;

std::string to_string(Power::State state) { return state == Power::State::kOn ? "on" : "off"; }

std::string power_text(const Host& host, const OpenPower& open_power, const Deadline& deadline) {
  auto power = open_power(host);
  if (!power) return power.error().what;
  const auto state = (*power)->state(deadline);
  return state ? to_string(*state) : state.error().what;
}

/// What comes first is what the host is called; all of it is told.
Result<void> add_marks(HostStatus& status, const LeasePlace& place, const LeaseTiming& timing, const Owner& self) {
  const auto now = timing.clock.wall();
  const auto add = [&](std::string state, std::string detail) {
    if (status.state.empty()) status.state = std::move(state);
    status.details.push_back(std::move(detail));
  };
  const Standing standing = TRY(read_standing(place));
  const Sign sign = LeaseObserver(timing, self).look(standing);
  if (sign == Sign::kAlive || sign == Sign::kUncertain) add("held", holder_text(standing, now));
  if (const auto quarantine = TRY(quarantine_of(place))) add("quarantined", quarantine_text(*quarantine, now));
  if (const auto reservation = TRY(reservation_of(place, timing.clock))) {
    add("reserved", reservation_text(*reservation, now));
  }
  if (sign == Sign::kGone || sign == Sign::kExpired) {
    add("stale", fmt::format("was {}; the next who wants it gets it", holder_text(standing, now)));
  }
  if (status.state.empty()) status.state = "free";
  return {};
}

HostStatus unknown(const Error& why) { return {.host = {}, .state = "unknown", .details = {why.what}}; }

HostStatus standing_of(const LeasePlace& place, const LeaseTiming& timing) {
  HostStatus status{.host = place.host, .state = {}, .details = {}};
  const auto self = Owner::self();
  const auto read = self ? add_marks(status, place, timing, *self) : Result<void>(self.error());
  if (read) return status;
  HostStatus without = unknown(read.error());
  without.host = place.host;
  return without;
}

Result<std::string> switched(Power& power, const PowerOrder& order, const Deadline& deadline) {
  const std::string& word = order.word;
  if (word == "off" || word == "cycle") TRY(power.off(deadline));
  if (word == "cycle" && wait_until(deadline.at_most(order.pause)) == Wake::kStopped) {
    return wait_error(Wake::kStopped, "the pause between off and on: the host is off now");
  }
  if (word == "on" || word == "cycle") TRY(power.on(deadline));
  return to_string(TRY(power.state(deadline)));
}

/// Under the lock: takes away the reservation if it may.
Result<void> drop_reservation(const LeasePlace& place, bool force, const LeaseClock& clock,
                              std::vector<std::string>& told) {
  auto reservation = reservation_of(place, clock);
  if (!reservation && !force) return std::move(reservation).error();
  if (reservation && *reservation && !force && keeps_out(**reservation, TRY(Owner::self()))) {
    return leased_error(place, reservation_text(**reservation, clock.wall()));
  }
  TRY(remove_file(place.reservation()));
  if (!reservation) told.emplace_back("removed a reservation that could not be read");
  if (reservation && *reservation) told.push_back("was " + reservation_text(**reservation, clock.wall()));
  return {};
}

/// Under the lock: takes away the lease if it may.
Result<void> drop_lease(const LeasePlace& place, bool force, const LeaseTiming& timing,
                        std::vector<std::string>& told) {
  const Standing standing = TRY(read_standing(place));
  const Sign sign = LeaseObserver(timing, TRY(Owner::self())).look(standing);
  if (sign == Sign::kFree) return {};
  const std::string holder = holder_text(standing, timing.clock.wall());
  if (!force && sign != Sign::kGone && sign != Sign::kExpired) return leased_error(place, holder);
  TRY(clear_lease(place));
  told.push_back("was " + holder);
  return {};
}

}  // namespace

Result<Lab> open_lab(const Leases& leases) {
  if (leases.folder.empty()) return usage_error("there is no folder for leases: neither [leases] nor HOME names one");
  if (!leases.folder_named) TRY(make_dirs(leases.folder));
  Lab lab{.leases = leases.folder, .timing = {}};
  lab.timing.beat = leases.heartbeat;
  lab.timing.expiry = leases.expires_after;
  return lab;
}

Result<std::string> lease_name(const VirtualMachine& vm) {
  return fmt::format("{}@{}", vm.name, TRY(Owner::self()).host);
}

HostStatus vm_status(const VirtualMachine& vm, const Lab& lab, const std::vector<Taking>& takings) {
  const auto name = lease_name(vm);
  HostStatus status = name ? standing_of(lab.place(*name), lab.timing) : unknown(name.error());
  status.host = vm.name;
  const auto self = Owner::self();
  for (const Taking& taking : takings) {
    if (!self || !is_left_over(taking, *self)) continue;
    if (status.state == "free") status.state = "stale";
    for (const TakenFunction& function : taking.functions) {
      status.details.push_back(
          fmt::format("{} is still with vfio-pci, left by process {} of {}, which is gone; "
                      "`holdfast lab release {}` gives it back",
                      function.bdf, taking.owner.pid, taking.owner.name(), shell_quote(vm.name)));
    }
  }
  return status;
}

std::vector<HostStatus> lab_status(const std::vector<Host>& hosts, const Lab& lab, const OpenPower& open_power,
                                   const Deadline& deadline) {
  std::vector<HostStatus> statuses;
  for (const Host& host : hosts) {
    HostStatus status = standing_of(lab.place(host.name), lab.timing);
    if (open_power) status.power = power_text(host, open_power, deadline);
    statuses.push_back(std::move(status));
  }
  return statuses;
}

std::vector<std::vector<std::string>> to_rows(const std::vector<HostStatus>& statuses) {
  const bool with_power = std::ranges::any_of(statuses, [](const HostStatus& one) { return !one.power.empty(); });
  std::vector<std::vector<std::string>> rows{{"HOST", "STATE", "POWER", "DETAILS"}};
  for (const HostStatus& one : statuses) rows.push_back({one.host, one.state, one.power, join(one.details, "; ")});
  if (!with_power) {
    for (auto& row : rows) row.erase(row.begin() + 2);
  }
  return rows;
}

Result<seconds> parse_span(std::string_view text) {
  constexpr std::array<std::pair<char, uint64_t>, 4> kUnits{{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}}};
  constexpr uint64_t kLongest = uint64_t{366} * 86'400;
  const auto unit = std::ranges::find_if(kUnits, [&](const auto& one) { return text.ends_with(one.first); });
  const auto count = unit == kUnits.end() ? std::nullopt : parse_u64(text.substr(0, text.size() - 1));
  if (!count || *count == 0 || *count > kLongest / unit->second) {
    return usage_error(fmt::format("'{}' is no span of time", printable(text)))
        .because("give a number with s, m, h or d behind it, of a year at most: 2h");
  }
  return seconds(static_cast<seconds::rep>(*count * unit->second));
}

Result<std::vector<std::string>> release_host(const std::string& host, const Lab& lab, const ReleaseOptions& options,
                                              const Deadline& deadline) {
  const LeasePlace place = lab.place(host);
  std::vector<std::string> told;
  {
    const FileLock lock = TRY(lock_place(place, deadline));
    TRY(drop_lease(place, options.force, lab.timing, told));
    TRY(drop_reservation(place, options.force, lab.timing.clock, told));
  }
  if (options.heal) {
    TRY(options.heal(deadline));
    TRY(lift_quarantine(place));
    told.emplace_back("healthy");
  } else if (const auto quarantine = TRY(quarantine_of(place))) {
    told.push_back(fmt::format("still {}; `holdfast lab release {} --heal` ends that",
                               quarantine_text(*quarantine, lab.timing.clock.wall()), shell_quote(host)));
  }
  return told;
}

Result<std::string> switch_power(const Host& host, const Lab& lab, const PowerOrder& order, const OpenPower& open_power,
                                 const Deadline& deadline) {
  const std::vector<std::string> words{"on", "off", "cycle", "state"};
  if (std::ranges::find(words, order.word) == words.end()) {
    const auto close = nearest(order.word, words);
    return usage_error(fmt::format("the power can be switched {}, not '{}'", join(words, ", "), printable(order.word)))
        .because(close ? fmt::format("did you mean '{}'?", *close) : "");
  }
  std::optional<Lease> lease;
  if (order.word != "state" && !order.force) {
    const LeaseRequest request{.purpose = "holdfast lab power " + order.word};
    lease.emplace(TRY(Lease::take(lab.place(host.name), request, lab.timing, deadline)));
  }
  const auto power = TRY(open_power(host));
  auto state = switched(*power, order, deadline);
  if (lease) {
    // What was switched is the news, even if the lease was lost meanwhile.
    if (const auto released = lease->release(deadline); !released && state) return released.error();
  }
  return state;
}

Result<std::optional<std::filesystem::path>> recorder_of(const std::string& host, const Lab& lab) {
  const LeasePlace place = lab.place(host);
  const Standing standing = TRY(read_standing(place));
  if (standing.lease_text.empty()) return std::optional<std::filesystem::path>();
  const Owner self = TRY(Owner::self());
  const Sign sign = LeaseObserver(lab.timing, self).look(standing);
  if (sign == Sign::kGone || sign == Sign::kExpired) return std::optional<std::filesystem::path>();
  const bool here = standing.lease && standing.lease->owner.boot_id == self.boot_id;
  if (!here || standing.lease->console.empty()) {
    return leased_error(place, holder_text(standing, lab.timing.clock.wall()) +
                                   (here ? ", without a recorder of its console" : ", on another machine"));
  }
  return std::optional<std::filesystem::path>(standing.lease->console);
}

}  // namespace holdfast::lab
