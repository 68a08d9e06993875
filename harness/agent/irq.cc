// How are a device's interrupts turned on and off, and how does one wait for them?
#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "harness/agent/registry.h"

namespace holdfast::agent {
namespace {

/// Source: PCI Express Base Specification 6.0, 7.7.2.2: an MSI-X table has at most 2048 entries.
constexpr uint32_t kMostVectors = 2048;

/// VFIO_DEVICE_SET_IRQS with one eventfd for each vector, or none: off.
int set_irqs(const Held& device, uint32_t index, const std::vector<Fd>& events) {
  std::vector<std::byte> request(sizeof(vfio_irq_set) + events.size() * sizeof(int32_t));
  vfio_irq_set head{};
  head.argsz = static_cast<uint32_t>(request.size());
  head.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
               static_cast<uint32_t>(events.empty() ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_EVENTFD);
  head.index = index;
  head.count = static_cast<uint32_t>(events.size());
  std::memcpy(request.data(), &head, sizeof head);
  for (size_t i = 0; i < events.size(); ++i) {
    const int32_t fd = events[i].get();
    std::memcpy(request.data() + sizeof head + i * sizeof fd, &fd, sizeof fd);
  }
  return ::ioctl(device.fd.get(), VFIO_DEVICE_SET_IRQS, request.data());
}

Result<wire::Empty> set(State& state, const wire::VfioIrqSet& request) {
  Held* device = TRY(state.handles.find(request.device));
  if (request.count > kMostVectors) return bad_request(fmt::format("no device has {} interrupts", request.count));
  std::vector<Fd> events;
  for (uint32_t i = 0; i < request.count; ++i) {
    Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return system_error("make an eventfd", errno);
    events.push_back(std::move(event));
  }
  if (set_irqs(*device, request.index, events) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_SET_IRQS of handle {} ({}): {} of index {}", request.device,
                                      device->what, request.count, request.index),
                          errno);
  }
  device->irqs[request.index] = std::move(events);
  return wire::Empty{};
}

Result<wire::VfioIrqWaitReply> wait(State& state, const wire::VfioIrqWait& request) {
  const Held* device = TRY(state.handles.find(request.device));
  const auto on = device->irqs.find(request.index);
  if (on == device->irqs.end() || request.vector >= on->second.size()) {
    return bad_request(
        fmt::format("interrupt {} of index {} of handle {} is not on", request.vector, request.index, request.device));
  }
  const int event = on->second[request.vector].get();
  wire::VfioIrqWaitReply reply;
  if (wait_readable(event, state.deadline(request.wait_ms)) != Wake::kReady) return reply;
  if (::read(event, &reply.count, sizeof reply.count) != sizeof reply.count)
    return system_error("read an eventfd", errno);
  return reply;
}

}  // namespace

void add_irq_verbs(Registry& registry) {
  registry.add(set);
  registry.add(wait);
}

}  // namespace holdfast::agent
