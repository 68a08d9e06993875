// Who looks after the lab's hosts while the program uses them?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/checkup.h"
#include "harness/custody.h"
#include "harness/program/machines.h"
#include "lab/lab_verbs.h"

namespace holdfast {

/// A custody for each machine that is a host; nothing is taken yet. `events` outlives them and takes events from
/// several threads.
Result<Custodians> custodians_for(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                  const std::filesystem::path& run_dir, EventSink& events);

/// What the health gate finds now, under a lease of its own. A host that somebody holds is left alone, and that is the
/// finding.
Result<std::vector<Finding>> look_at_host(const lab::Host& host, const lab::Lab& lab, const Deadline& deadline);

/// Brings a host back and has it pass its health gate, under a lease of its own, which ends a quarantine.
Result<void> heal_host(const lab::Host& host, const lab::Lab& lab, EventSink& events, const Deadline& deadline);

}  // namespace holdfast
