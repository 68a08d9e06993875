// Step: from a native driver to vfio-pci with an open device file, and back.
#include <fmt/format.h>

#include <algorithm>

#include "harness/scenario.h"

namespace holdfast {
namespace {

/// With the patience for a driver that the request has by itself, and more on a target that is slow.
template <class Request>
Request patient(Request request, const Scenario& scenario) {
  const Millis wait(request.wait_ms);
  request.wait_ms = static_cast<uint64_t>(std::max(wait, scenario.scaled(wait)).count());
  return request;
}

}  // namespace

Result<Bound> Scenario::bind_driver(Running& kernel, const Device& device) {
  intend("vfio-bind", {{"bdf", device.bdf}, {"role", device.role}});
  const PciAddress address = TRY(PciAddress::parse(device.bdf));
  if (kernel.arrived().find(address) == nullptr) {
    return lab_error("no-device", fmt::format("{}: there is no device {}", device.role, device.bdf))
        .because("`holdfast list devices` shows what the target should have");
  }
  record(fmt::format("bdf.{}", device.role), device.bdf);
  return in_phase<Bound>(Phase::kBind, [&](const Deadline& deadline) -> Result<Bound> {
    auto reply = TRY_IN(fmt::format("bind {} to vfio-pci", device.bdf),
                        kernel.agent().call(patient(wire::VfioBind{.bdf = device.bdf}, *this), deadline));
    return Bound{.device = device, .address = address, .drivers_before = std::move(reply.before)};
  });
}

Result<void> Scenario::open(Running& kernel, Bound& bound) {
  return in_phase<void>(Phase::kBind, [&](const Deadline& deadline) -> Result<void> {
    Agent& agent = kernel.agent();
    const std::string& bdf = bound.device.bdf;
    bound.cdev =
        TRY_IN(fmt::format("open the vfio cdev of {}", bdf), agent.call(wire::VfioOpenCdev{.bdf = bdf}, deadline))
            .handle;
    bound.iommufd = TRY(agent.call(wire::IommufdOpen{}, deadline)).handle;
    TRY_IN(fmt::format("bind the cdev of {} to an iommufd", bdf),
           agent.call(wire::VfioBindIommufd{.device = bound.cdev, .iommufd = bound.iommufd}, deadline));
    return {};
  });
}

Result<Bound> Scenario::bind(Running& kernel, const Device& device) {
  Bound bound = TRY(bind_driver(kernel, device));
  TRY(open(kernel, bound));
  return bound;
}

Result<void> Scenario::close_files(Running& kernel, Bound& bound) {
  return in_phase<void>(Phase::kBind, [&](const Deadline& deadline) -> Result<void> {
    for (wire::Handle* handle : {&bound.cdev, &bound.iommufd}) {
      if (*handle != 0) TRY(kernel.agent().call(wire::Close{.handle = *handle}, deadline));
      *handle = 0;
    }
    return {};
  });
}

Result<void> Scenario::restore(Running& kernel, Bound bound) {
  TRY(close_files(kernel, bound));
  return in_phase<void>(Phase::kBind, [&](const Deadline& deadline) -> Result<void> {
    TRY_IN(fmt::format("give {} its native driver back", bound.device.bdf),
           kernel.agent().call(patient(wire::DriverRestore{.before = bound.drivers_before}, *this), deadline));
    return {};
  });
}

}  // namespace holdfast
