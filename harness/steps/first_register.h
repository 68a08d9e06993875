// Which register of any device can be read through its file, and how?
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/target.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast {

/// The first memory BAR that can be read and does not begin with the table of MSI-X, which vfio answers by itself; by
/// the device's config space and what its file says. Nothing for a device without one.
std::optional<uint32_t> register_bar(const std::vector<uint8_t>& config, const wire::VfioInfoReply& info);

/// Reads the first four bytes of that BAR; memory decoding is on for it, and then as it was. Whatever is read is right:
/// what stands there is the device's own. Errors: as Agent::call().
Result<void> read_first_register(Agent& agent, wire::Handle file, uint32_t bar, const Deadline& deadline);

}  // namespace holdfast
