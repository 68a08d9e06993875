// What does sysfs say about a PCI device?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace holdfast::agent {

/// /sys/bus/pci, below which all paths of this file begin.
const std::filesystem::path& pci_bus();

/// Is this an address as sysfs writes it, "0000:03:00.0"? What comes over the wire becomes a path only if so.
bool is_bdf(std::string_view text);
/// The folder of a device that is there. Errors: the request's when `bdf` is no address; the kernel's ENODEV.
Result<std::filesystem::path> pci_device(const std::string& bdf);

/// The file's text without the newline at its end; empty when it cannot be read.
std::string read_line(const std::filesystem::path& file);
/// The last part of what a symbolic link points to; empty when there is no such link.
std::string link_name(const std::filesystem::path& link);
/// The names in a folder, ordered; none when it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// The parts of a resolved place in /sys/devices that are PCI addresses: those of the functions on the way there, from
/// the root.
std::vector<std::string> addresses_in(const std::filesystem::path& place);
/// "0000:00:04.0/0000:03:00.0": the way from the root to the function whose folder this is; `bdf` when it is not known.
std::string pci_path(const std::filesystem::path& device, const std::string& bdf);

/// The device's driver, or empty.
std::string driver_of(const std::string& bdf);
/// The device's driver_override, or empty.
std::string driver_override_of(const std::string& bdf);

}  // namespace holdfast::agent
