// Which devices of a host must no test touch, whatever the inventory says?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/level.h"
#include "harness/wire/verbs_host.h"

namespace holdfast::lab {

/// Why the function `bdf` cannot be tested: the running system needs it, or needs what stands below it or is in one
/// IOMMU group with it; or it is in `never_touch` (BDFs). "0000:01:00.0 is the host's root disk (/ on nvme0n1p2)".
std::optional<std::string> why_protected(const std::string& bdf, const wire::HostFactsReply& facts,
                                         const std::vector<std::string>& never_touch);

/// Error lab.protected-device naming each of `devices` that must be left alone, and why. A host that says nothing of
/// its functions has none that can be tested.
Result<void> refuse_protected(const std::vector<Device>& devices, const wire::HostFactsReply& facts,
                              const std::vector<std::string>& never_touch);

}  // namespace holdfast::lab
