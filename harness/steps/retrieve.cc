// Step: the file comes back through its session, works, and the session is finished.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/scenario.h"
#include "harness/steps/first_register.h"

namespace holdfast {
namespace {

// Source: include/uapi/linux/vfio.h of Linux 7.3.
constexpr uint32_t kConfigRegion = 7;
constexpr uint32_t kDeviceFlagReset = 1U << 0;
constexpr uint32_t kIrqKinds = 3;  // INTx, MSI, MSI-X; those behind are errors and requests

constexpr uint64_t kDmaBytes = uint64_t{1} << 16;
constexpr uint64_t kDmaAddress = uint64_t{1} << 24;

/// A kernel that preserves but does not give back yet says so with this errno, and says it always.
Error skip_if_not_offered(Error error, std::string_view what, bool was_offered) {
  if (error.errnum != EOPNOTSUPP || was_offered) return error;
  return cannot(fmt::format("the kernel does not offer level retrieve: retrieving {} answers EOPNOTSUPP", what));
}

}  // namespace

Result<Session> Scenario::retrieve_session(Running& now, const std::string& name) {
  const auto reply = TRY(call(Phase::kRetrieve, now, wire::LuoSessionRetrieve{.name = name}));
  return Session{.name = name, .handle = reply.handle};
}

Result<Bound> Scenario::retrieve(Running& now, const Session& session, const Bound& bound, uint64_t token) {
  return in_phase<Bound>(Phase::kRetrieve, [&](const Deadline& deadline) -> Result<Bound> {
    Agent& agent = now.agent();
    auto file = agent.call(wire::LuoRetrieve{.session = session.handle, .token = token}, deadline);
    if (!file) return skip_if_not_offered(std::move(file).error(), bound.device.bdf, retrieved_before_);
    retrieved_before_ = true;
    blackout_.retrieved(bound.device.role, file->handle);
    Bound back = bound;
    back.cdev = file->handle;
    back.iommufd = TRY(agent.call(wire::IommufdOpen{}, deadline)).handle;
    TRY_IN(fmt::format("bind the retrieved file of {} to an iommufd", bound.device.bdf),
           agent.call(wire::VfioBindIommufd{.device = back.cdev, .iommufd = back.iommufd}, deadline));
    return back;
  });
}

Result<Memory> Scenario::retrieve(Running& now, const Session& session, const Memory& sent, uint64_t token) {
  const auto file = TRY(call(Phase::kRetrieve, now, wire::LuoRetrieve{.session = session.handle, .token = token}));
  return Memory{.memfd = file.handle, .size = sent.size, .sha256 = sent.sha256};
}

Result<void> Scenario::finish(Running& now, const Session& session) {
  TRY(call(Phase::kFinish, now, wire::LuoFinish{.session = session.handle}));
  return {};
}

Result<void> Scenario::exercise(Running& now, const Bound& bound) {
  const PciFunctionState* expected = now.arrived().find(bound.address);
  if (expected == nullptr) return kernel_error("device-lost", fmt::format("no device at {}", bound.device.bdf));
  Memory memory = TRY(create_memory(now, kDmaBytes));
  return in_phase<void>(Phase::kExercise, [&](const Deadline& deadline) -> Result<void> {
    Agent& agent = now.agent();
    const auto info = TRY(agent.call(wire::VfioInfo{.device = bound.cdev}, deadline));

    const auto ids = TRY(
        agent.call(wire::VfioRead{.device = bound.cdev, .region = kConfigRegion, .offset = 0, .length = 4}, deadline));
    const auto octet = [&](size_t i) { return std::to_integer<unsigned>(ids.blob[i]); };
    if (ids.blob.size() != 4 || (octet(0) | octet(1) << 8) != expected->vendor ||
        (octet(2) | octet(3) << 8) != expected->device) {
      return kernel_error("wrong-device", fmt::format("the file of {} belongs to another device", bound.device.bdf));
    }
    if (const auto bar = register_bar(expected->config, info)) {
      TRY(read_first_register(agent, bound.cdev, *bar, deadline));
      blackout_.read_register(bound.cdev, *bar);
    }

    for (const wire::VfioIrq& irq : info.irqs) {
      if (irq.index >= kIrqKinds || irq.count == 0) continue;
      TRY(agent.call(wire::VfioIrqSet{.device = bound.cdev, .index = irq.index, .count = 1}, deadline));
      TRY(agent.call(wire::VfioIrqSet{.device = bound.cdev, .index = irq.index, .count = 0}, deadline));
    }

    const auto space = TRY(agent.call(wire::IoasAlloc{.iommufd = bound.iommufd}, deadline));
    TRY(agent.call(wire::VfioAttach{.device = bound.cdev, .ioas = space.ioas}, deadline));
    TRY(agent.call(wire::IoasMap{.iommufd = bound.iommufd,
                                 .ioas = space.ioas,
                                 .memfd = memory.memfd,
                                 .offset = 0,
                                 .length = memory.size,
                                 .iova = kDmaAddress},
                   deadline));
    if ((info.flags & kDeviceFlagReset) != 0) TRY(agent.call(wire::VfioReset{.device = bound.cdev}, deadline));
    return {};
  });
}

}  // namespace holdfast
