// Who looks after the lab's hosts, and devices of this machine, while the program uses them?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/checkup.h"
#include "harness/custody.h"
#include "harness/program/machines.h"
#include "lab/lab_verbs.h"
#include "lab/passthrough/taken.h"

namespace holdfast {

/// A custody for each machine that is a host or has devices of this one; nothing is taken yet. `events` outlives them
/// and takes events from several threads.
Result<Custodians> custodians_for(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                  const std::filesystem::path& run_dir, EventSink& events);

/// Where devices of this machine are taken; valid for as long as the program runs.
Result<lab::TakingPlace> taking_place();

/// For giving back what another run left: its guest may be about to end.
inline constexpr Millis kRestoreLimit{60'000};

/// What the health gate finds now, and what a launch would refuse, under a lease of its own. A host that somebody holds
/// is left alone, and that is the finding.
Result<std::vector<Finding>> look_at_host(const lab::Host& host, const lab::Lab& lab, const Deadline& deadline);

/// What a host is healed for.
struct Healing {
  std::string purpose = "holdfast lab release --heal";
  bool ends_quarantine = true;  ///< else one in quarantine is left there: lab.quarantined
};

/// Brings a host back and has it pass its health gate, under a lease of its own.
Result<void> heal_host(const lab::Host& host, const lab::Lab& lab, EventSink& events, const Deadline& deadline,
                       const Healing& healing = {});

}  // namespace holdfast
