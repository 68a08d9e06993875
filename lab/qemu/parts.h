// Which test devices does the built-in virtual machine have, and where?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/level.h"

namespace holdfast::lab {

/// Arguments for QEMU that make test devices and what stands above them. A part without devices is there for the place
/// that it takes.
struct Part {
  std::vector<Device> devices;
  std::vector<std::string> arguments;
  /// QEMU cannot save its devices: what takes its place in a machine that is to be saved, so that all else stays where
  /// it is. Absent: it can be saved.
  std::optional<std::vector<std::string>> stand_in = std::nullopt;
};

/// What the ordinary machine takes up on the root bus: root ports in slots 1 to `root_ports`, and the bus numbers that
/// firmware gives to all that is behind them. Both end where further ports begin.
struct Footprint {
  unsigned root_ports;
  unsigned buses;
};
inline constexpr Footprint kOrdinaryMachine{.root_ports = 5, .buses = 9};
/// Slots of the root bus that each machine needs for itself (argv.cc) or puts integrated devices in.
inline constexpr unsigned kFirstOwnSlot = 0x10;
inline constexpr unsigned kLastOwnSlot = 0x12;

/// The parts of one machine, in the order in which QEMU must make them; empty: the ordinary machine. None for a
/// topology that nobody declared.
std::vector<Part> parts_of(std::string_view topology);

/// The devices that this machine does not have when it is to be saved.
std::vector<std::string> unsaveable_roles(std::string_view topology);

/// The test devices of all machines, at the addresses that the firmware gives them. The ordinary machine comes first,
/// and its first device is the one for cases that need a single device and do not care which.
std::vector<Device> builtin_devices();

/// What cases can rely on in each of these machines.
std::vector<std::string> builtin_traits();

/// What QEMU's device_add wants to know of a spare device: a JSON object.
std::string plug_arguments(const Device& device);

/// QEMU's own name of a device that can be plugged: its role.
std::string plug_id(const Device& device);

}  // namespace holdfast::lab
