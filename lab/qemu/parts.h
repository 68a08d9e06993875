// Which test devices does the built-in virtual machine have, and where?
#pragma once

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
};

/// The parts of one machine, in the order in which QEMU must make them; empty: the ordinary machine. None for a
/// topology that nobody declared.
std::vector<Part> parts_of(std::string_view topology);

/// The test devices of all machines, at the addresses that the firmware gives them. The ordinary machine comes first,
/// and its first device is the one for cases that need a single device and do not care which.
std::vector<Device> builtin_devices();

/// What QEMU's device_add wants to know of a spare device: a JSON object.
std::string plug_arguments(const Device& device);

/// QEMU's own name of a device that can be plugged: its role.
std::string plug_id(const Device& device);

}  // namespace holdfast::lab
