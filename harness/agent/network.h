// How does a machine whose init the agent is get back onto its management network?
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/wire/network.h"

namespace holdfast::agent {

/// What the payload says of the network, if it does. Errors: harness.wire.
Result<std::optional<wire::Network>> carried_network(const std::filesystem::path& file);

/// The name of the interface that is a device of its own (no VLAN, bridge or bond, which have the same address) with
/// this MAC, below a folder like /sys/class/net; empty when there is none.
std::string interface_with(const std::string& mac, const std::filesystem::path& class_net);

/// Waits for the interface to appear (its driver may still be looking), brings it and the loopback up, gives it its
/// address and routes. The cable is not waited for. Errors: lab.network when it did not appear, saying which ones did;
/// the kernel's.
Result<void> bring_up(const wire::Network& network, const Deadline& deadline);

}  // namespace holdfast::agent
