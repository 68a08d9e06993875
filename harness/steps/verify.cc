// Step: is every device where it was, and as it was?
#include <fmt/format.h>

#include <algorithm>

#include "harness/scenario.h"

namespace holdfast {
namespace {

/// The kind of a failure by the gravest change: a device at another address outranks one in another state.
std::string kind_of(const std::vector<PciChange>& broken) {
  const auto any = [&](std::string_view name) {
    return std::ranges::any_of(broken, [&](const PciChange& change) { return change.register_name == name; });
  };
  if (any("presence")) return "device-lost";
  if (any("address")) return "address";
  return "device-state";
}

}  // namespace

Result<void> Scenario::verify(const Running& now) {
  return in_phase<void>(Phase::kVerify, [&](const Deadline&) -> Result<void> {
    const auto broken = forbidden(changes_);
    // What the comparison cannot show is asked for outright: each expected device stands at its address.
    for (const Bound& bound : expected_) {
      if (now.arrived().find(bound.address) == nullptr && broken.empty()) {
        return kernel_error("device-lost", fmt::format("{} is not at {}", bound.device.role, bound.device.bdf));
      }
    }
    if (broken.empty()) return {};
    const std::string more = broken.size() == 1 ? "" : fmt::format(" (and {} more)", broken.size() - 1);
    return kernel_error(kind_of(broken), fmt::format("{}{}", broken.front().describe(), more))
        .with("pci.diff", format_diff(broken));
  });
}

}  // namespace holdfast
