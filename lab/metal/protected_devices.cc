// Which devices of a host must no test touch, whatever the inventory says?
#include "lab/metal/protected_devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

std::string needs(const wire::HostUse& use) { return fmt::format("the host's {} ({})", use.role, use.why); }

const wire::HostFunction* find(const wire::HostFactsReply& facts, const std::string& bdf) {
  const auto found = std::ranges::find(facts.functions, bdf, &wire::HostFunction::bdf);
  return found == facts.functions.end() ? nullptr : &*found;
}

bool stands_below(const wire::HostFunction& function, const std::string& bridge) {
  const auto way = split(function.path, '/');
  return function.bdf != bridge && std::ranges::find(way, std::string_view(bridge)) != way.end();
}

/// Why the function is protected by one use of itself or of another function.
std::optional<std::string> protection(const std::string& bdf, const wire::HostFactsReply& facts,
                                      const wire::HostUse& use) {
  if (use.bdf == bdf) return fmt::format("{} is {}", bdf, needs(use));
  const wire::HostFunction* used = find(facts, use.bdf);
  const wire::HostFunction* asked = find(facts, bdf);
  if (used == nullptr) return std::nullopt;
  if (stands_below(*used, bdf)) return fmt::format("{} is the way to {}, {}", bdf, use.bdf, needs(use));
  if (asked != nullptr && asked->iommu_group >= 0 && asked->iommu_group == used->iommu_group) {
    return fmt::format("{} is in one IOMMU group with {}, {}", bdf, use.bdf, needs(use));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> why_protected(const std::string& bdf, const wire::HostFactsReply& facts,
                                         const std::vector<std::string>& never_touch) {
  // The device's own uses say more than those of its neighbours.
  for (const bool own : {true, false}) {
    for (const wire::HostUse& use : facts.uses) {
      if ((use.bdf == bdf) != own) continue;
      if (auto why = protection(bdf, facts, use)) return why;
    }
  }
  for (const std::string& untouchable : never_touch) {
    const wire::HostUse use{.bdf = untouchable, .role = "own", .why = "the inventory says: never touch"};
    if (auto why = protection(bdf, facts, use)) return why;
  }
  return std::nullopt;
}

Result<void> refuse_protected(const std::vector<Device>& devices, const wire::HostFactsReply& facts,
                              const std::vector<std::string>& never_touch) {
  if (facts.functions.empty() && !devices.empty()) {
    return lab_error("protected-device", "the host names no PCI functions, so what its system needs is not known");
  }
  std::vector<std::string> reasons;
  for (const Device& device : devices) {
    if (auto why = why_protected(device.bdf, facts, never_touch)) {
      reasons.push_back(fmt::format("{}: {}", device.role, *why));
    }
  }
  if (reasons.empty()) return {};
  return lab_error("protected-device", fmt::format("not to be tested: {}", join(reasons, "; ")))
      .because("take these devices out of the inventory");
}

}  // namespace holdfast::lab
