// Is a host kept by a person, or out of service?
#pragma once

#include <optional>
#include <string>

#include "lab/lease/lease.h"

namespace holdfast::lab {

/// The reservation that is in force, of whomever; one whose time is over counts as none. A file that cannot be read is
/// an error, lab.lease-file.
Result<std::optional<Reservation>> reservation_of(const LeasePlace& place, const LeaseClock& clock);
/// Whether it keeps this user out.
bool keeps_out(const Reservation& reservation, const Owner& self);
/// "reserved by alice@ctl-2 (debugging the NIC) since 18:02 UTC until 20:02 UTC".
std::string reservation_text(const Reservation& reservation, LeaseClock::Wall now);

/// Reserves for this user until `span` from now; one of her own is replaced. Errors: lab.leased when somebody else
/// reserved it, or holds it.
Result<Reservation> reserve(const LeasePlace& place, std::string why, std::chrono::seconds span,
                            const LeaseTiming& timing, const Deadline& deadline);

/// A file that cannot be read means quarantine, too.
Result<std::optional<Quarantine>> quarantine_of(const LeasePlace& place);
/// "in quarantine since 18:02 UTC: ssh does not answer (found by ..., last tried: power cycle)".
std::string quarantine_text(const Quarantine& quarantine, LeaseClock::Wall now);
/// `since` is filled in. Replaces one that is there.
Result<void> set_quarantine(const LeasePlace& place, Quarantine quarantine, const LeaseClock& clock);
Result<void> lift_quarantine(const LeasePlace& place);

}  // namespace holdfast::lab
