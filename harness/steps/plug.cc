// Step: a device goes into the running machine, or out of it.
#include <fmt/format.h>

#include "harness/hot_plug.h"
#include "harness/scenario.h"

namespace holdfast {
namespace {

/// How often the kernel is asked whether it has noticed: each look reads the config space of every function.
constexpr Millis kLookEvery{200};

Error no_hot_plug(const Target& target) {
  return cannot(fmt::format("target {} cannot plug devices in and out while it runs", target.name()));
}

/// A device is there for its users when the kernel is done with it: in its IOMMU group, and with its driver.
bool is_settled(const PciFunctionState& function, const Device& device) {
  return function.iommu_group >= 0 && (!function.driver.empty() || !device.has("native-driver"));
}

}  // namespace

Result<void> Scenario::plug(Running& kernel, const Device& device) {
  HotPlug* slots = setup_.target.hot_plug();
  if (slots == nullptr) return no_hot_plug(setup_.target);
  intend("plug", {{"bdf", device.bdf}, {"role", device.role}});
  return in_phase<void>(Phase::kPlug, [&](const Deadline& deadline) -> Result<void> {
    TRY_IN(fmt::format("plug {} in", device.role), slots->plug(device, deadline));
    return await_devices(kernel, device, true, deadline);
  });
}

Result<void> Scenario::unplug(Running& kernel, const Device& device) {
  HotPlug* slots = setup_.target.hot_plug();
  if (slots == nullptr) return no_hot_plug(setup_.target);
  intend("unplug", {{"bdf", device.bdf}, {"role", device.role}});
  return in_phase<void>(Phase::kPlug, [&](const Deadline& deadline) -> Result<void> {
    TRY_IN(fmt::format("unplug {}", device.role), slots->unplug(device, deadline));
    return await_devices(kernel, device, false, deadline);
  });
}

/// Looks until the kernel has the device, or no longer has it; `kernel` then knows the devices as they are.
Result<void> Scenario::await_devices(Running& kernel, const Device& device, bool there, const Deadline& deadline) {
  const PciAddress address = TRY(PciAddress::parse(device.bdf));
  while (true) {
    kernel.arrived_ = TRY(PciSnapshot::from(TRY(kernel.agent().call(wire::PciList{}, deadline))));
    const PciFunctionState* function = kernel.arrived().find(address);
    if (there ? function != nullptr && is_settled(*function, device) : function == nullptr) return {};
    const Wake wake = wait_until(deadline.at_most(kLookEvery));
    if (wake == Wake::kStopped) return wait_error(wake, fmt::format("{} at {}", device.role, device.bdf));
    if (!deadline.expired()) continue;
    return kernel_error("hot-plug",
                        fmt::format("{} was plugged {}, but the kernel {} at {}", device.role, there ? "in" : "out",
                                    there ? "has no ready device" : "still has it", device.bdf));
  }
}

}  // namespace holdfast
