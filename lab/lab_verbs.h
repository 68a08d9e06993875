// What do the words of `holdfast lab` do? Printing is the main program's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/target.h"
#include "lab/host.h"
#include "lab/inventory/inventory.h"
#include "lab/lease/lease.h"
#include "lab/passthrough/takings.h"

namespace holdfast::lab {

/// The lab as far as these verbs need it.
struct Lab {
  std::filesystem::path leases;  ///< the folder
  LeaseTiming timing = {};
  LeasePlace place(const std::string& host) const { return {.folder = leases, .host = host}; }
};

/// What the inventory says of them. Makes the folder when it is the user's own; one that the inventory names has to be
/// there. Errors: lab.io; harness.usage when there is no folder at all.
Result<Lab> open_lab(const Leases& leases);

/// As what a virtual machine with devices of this one is leased: "NAME@CONTROLLER", for on another controller it is
/// another machine.
Result<std::string> lease_name(const VirtualMachine& vm);

/// The host's switch. Asked only where a verb needs it.
using OpenPower = std::function<Result<std::unique_ptr<Power>>(const Host& host)>;

struct HostStatus {
  std::string host;
  std::string state;                 ///< "free", "held", "stale" (the holder is gone), "reserved", "quarantined"
  std::vector<std::string> details;  ///< who since when and what for; all that keeps it from being free
  std::string power = {};            ///< "on", "off", or why it is not known; empty: not asked
};

/// What the files say of each host; looks once and waits for nobody. A host whose files cannot be read is told with
/// that as its detail. `open_power` empty: power is not asked for.
std::vector<HostStatus> lab_status(const std::vector<Host>& hosts, const Lab& lab, const OpenPower& open_power,
                                   const Deadline& deadline);
/// The same for a virtual machine with devices of this one, with what dead runs left of `takings`.
HostStatus vm_status(const VirtualMachine& vm, const Lab& lab, const std::vector<Taking>& takings);
/// Head line and a line per host: HOST STATE [POWER] DETAILS.
std::vector<std::vector<std::string>> to_rows(const std::vector<HostStatus>& statuses);

/// "2h", "90m", "45s", "1d". Errors: harness.usage.
Result<std::chrono::seconds> parse_span(std::string_view text);

struct ReleaseOptions {
  bool force = false;  ///< also what others hold or reserved
  /// Brings the host back and passes its health gate under a lease of its own; empty: no `--heal` was asked for.
  std::function<Result<void>(const Deadline& deadline)> heal = {};
};
/// Gives a host free: a reservation of this user, a lease whose holder is gone, with `force` any; after that heals it,
/// which alone ends a quarantine. Gives a sentence for each thing that it did or left. Errors: lab.leased, those of
/// `heal`.
Result<std::vector<std::string>> release_host(const std::string& host, const Lab& lab, const ReleaseOptions& options,
                                              const Deadline& deadline);

struct PowerOrder {
  std::string word;    ///< "on", "off", "cycle", "state"
  bool force = false;  ///< whoever holds the host
  /// Between off and on of a cycle: what power supplies need to let their capacitors run empty.
  Millis pause{5'000};
};
/// Does it under a lease of its own, but for "state"; gives "on" or "off": how the switch is now. Errors: lab.leased,
/// harness.usage, those of the switch.
Result<std::string> switch_power(const Host& host, const Lab& lab, const PowerOrder& order, const OpenPower& open_power,
                                 const Deadline& deadline);

/// The socket of the recorder that has the host's console now, if the host's holder runs one on this machine. Nothing:
/// the console is free to be opened.
Result<std::optional<std::filesystem::path>> recorder_of(const std::string& host, const Lab& lab);

}  // namespace holdfast::lab
