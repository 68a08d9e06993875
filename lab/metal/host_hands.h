// What is a lab host recorded, examined and healed with?
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/event.h"
#include "lab/console/recorder.h"
#include "lab/host.h"
#include "lab/metal/health.h"
#include "lab/metal/host_care.h"
#include "lab/metal/ladder.h"
#include "lab/metal/own_system.h"

namespace holdfast::lab {

/// The care for a host of the inventory: ssh, its console's recorder, its power switches. `events` takes events from
/// several threads and outlives it. Errors: harness.usage (a switch that cannot be).
Result<std::unique_ptr<HostCare>> make_host_hands(const Host& host, EventSink& events);

/// What the health gate finds now, and what a launch would refuse, for who wants to know. Leaves a line on the host's
/// console and the program `agent` in its work_dir. The host is to be held under a lease: a console has room for one.
Result<std::vector<Finding>> look_at_host(const Host& host, const HostFiles& files, EventSink& events,
                                          const std::filesystem::path& agent, const Deadline& deadline);

}  // namespace holdfast::lab
