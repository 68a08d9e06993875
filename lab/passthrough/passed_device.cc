// Which devices of this machine is a guest to have, and where?
#include "lab/passthrough/passed_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/base/text.h"
#include "harness/pci/pci.h"
#include "lab/qemu/parts.h"

namespace holdfast::lab {
namespace {

Error wrong(const PassedDevice& device, std::string_view what) {
  return usage_error(device.declared_at.empty() ? std::string(what) : fmt::format("{}: {}", device.declared_at, what));
}

Result<std::string> find_by_ids(const PassedDevice& wanted, const PciIds& ids, const LocalMachine& machine, bool force,
                                const std::set<std::string>& gone) {
  std::vector<std::string> reasons;
  for (const LocalDevice& device : machine.devices) {
    if (device.vendor != ids.vendor || device.device != ids.device || gone.contains(device.bdf)) continue;
    const Verdict verdict = can_pass(machine, device);
    if (verdict.ok(force)) return device.bdf;
    reasons.push_back(fmt::format("{}: {}", device.bdf, verdict.summary()));
  }
  if (reasons.empty()) {
    return wrong(wanted,
                 fmt::format("this machine has no{} device {}", gone.empty() ? "" : " further", wanted.passthrough));
  }
  return cannot(fmt::format("no device {} can be passed through: {}", wanted.passthrough, join(reasons, "; ")));
}

/// Its address on this machine. Whether a device that is named by its address can be had is found out when it is taken.
Result<std::string> find_host(const PassedDevice& wanted, const LocalMachine& machine, bool force,
                              const std::set<std::string>& gone) {
  if (const auto ids = parse_ids(wanted.passthrough)) return find_by_ids(wanted, *ids, machine, force, gone);
  const auto address = PciAddress::parse(wanted.passthrough);
  if (!address) {
    return wrong(
        wanted, fmt::format("'{}' is neither an address like 0000:3b:00.0 nor ids like 8086:10d3", wanted.passthrough));
  }
  std::string bdf = address->to_string();
  if (machine.find(bdf) == nullptr) return wrong(wanted, fmt::format("this machine has no PCI function {}", bdf));
  if (gone.contains(bdf)) return wrong(wanted, fmt::format("{} is passed through twice", bdf));
  return bdf;
}

/// Slots of the root bus that are free for a port.
bool is_free(unsigned port, bool emulated) {
  const bool beyond = port > (emulated ? kOrdinaryMachine.root_ports : 0U) && port < kFirstOwnSlot;
  return beyond || (port > kLastOwnSlot && port < 31);  // 1fh is the chipset's
}

Result<void> choose_ports(std::vector<PlacedDevice>& placed, bool emulated) {
  std::set<std::pair<unsigned, unsigned>> taken;
  std::set<unsigned> ports;
  for (PlacedDevice& one : placed) {
    one.port = one.declared.port;
    if (one.port == 0) continue;
    if (!is_free(one.port, emulated)) {
      return wrong(one.declared, fmt::format("port {} is none that a device could be put behind", one.port));
    }
    ports.insert(one.port);
  }
  for (PlacedDevice& one : placed) {
    for (unsigned port = 1; one.port == 0; ++port) {
      if (port > 30) return wrong(one.declared, "there is no free port left");
      if (is_free(port, emulated) && ports.insert(port).second) one.port = port;
    }
    if (one.declared.function > 7) return wrong(one.declared, "function must be 0 to 7");
    if (!taken.insert({one.port, one.declared.function}).second) {
      return wrong(one.declared, fmt::format("port {} has a function {} already", one.port, one.declared.function));
    }
  }
  for (PlacedDevice& one : placed) {
    // Nobody looks at the other functions of a card without function 0.
    if (!taken.contains({one.port, 0})) {
      return wrong(one.declared, fmt::format("port {} has no function 0", one.port));
    }
    const auto same_port = [&](const auto& place) { return place.first == one.port; };
    one.multifunction = one.declared.function == 0 && std::ranges::count_if(taken, same_port) > 1;
  }
  return {};
}

}  // namespace

std::optional<PciIds> parse_ids(std::string_view text) {
  const auto halves = split(text, ':');
  const auto number = [](std::string_view half) { return half.size() == 4 ? parse_u64(half, 16) : std::nullopt; };
  const auto vendor = halves.size() == 2 ? number(halves[0]) : std::nullopt;
  const auto device = halves.size() == 2 ? number(halves[1]) : std::nullopt;
  // An empty slot reads as ffff, and no vendor has 0 (PCI Local Bus 3.0, 6.1).
  if (!vendor || !device || *vendor == 0 || *vendor == 0xffff) return std::nullopt;
  return PciIds{static_cast<uint16_t>(*vendor), static_cast<uint16_t>(*device)};
}

std::vector<Device> declared_devices(const PassthroughVm& vm) {
  std::vector<Device> devices;
  for (const PassedDevice& one : vm.devices) {
    const std::string role = one.role.empty() ? one.passthrough : one.role;
    devices.push_back({.role = role, .bdf = {}, .model = one.passthrough, .traits = one.traits});
  }
  return devices;
}

Result<std::vector<PlacedDevice>> place_devices(const PassthroughVm& vm, const LocalMachine& machine) {
  std::vector<PlacedDevice> placed;
  std::set<std::string> gone;
  for (const PassedDevice& wanted : vm.devices) {
    const std::string bdf = TRY(find_host(wanted, machine, vm.force, gone));
    gone.insert(bdf);
    placed.push_back({.declared = wanted, .index = placed.size(), .host_bdf = bdf, .guest_bdf = {}});
    if (wanted.role.empty()) placed.back().declared.role = bdf;
  }
  TRY(choose_ports(placed, vm.emulated));
  std::ranges::sort(placed, {}, [](const PlacedDevice& one) { return std::pair(one.port, one.declared.function); });
  unsigned bus = vm.emulated ? kOrdinaryMachine.buses : 0;
  unsigned port = 0;
  for (PlacedDevice& one : placed) {
    if (one.port != port) ++bus;
    port = one.port;
    one.guest_bdf = fmt::format("0000:{:02x}:00.{}", bus, one.declared.function);
  }
  return placed;
}

std::vector<Device> test_devices(const std::vector<PlacedDevice>& placed, const LocalMachine& machine) {
  std::vector<Device> devices;
  for (const PlacedDevice& one : placed) {
    Device device{.role = one.declared.role, .bdf = one.guest_bdf, .model = {}, .traits = one.declared.traits};
    if (const LocalDevice* local = machine.find(one.host_bdf)) {
      device.model =
          local->device_name.empty() ? fmt::format("{:04x}:{:04x}", local->vendor, local->device) : local->device_name;
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace holdfast::lab
