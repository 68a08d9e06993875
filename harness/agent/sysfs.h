// What does sysfs say about a PCI device?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/result.h"
#include "harness/base/sysfs.h"

namespace holdfast::agent {

/// /sys/bus/pci, below which all paths of this file begin.
const std::filesystem::path& pci_bus();

/// The folder of a device that is there. Errors: the request's when `bdf` is no address; the kernel's ENODEV.
Result<std::filesystem::path> pci_device(const std::string& bdf);

/// "0000:00:04.0/0000:03:00.0": the way from the root to the function whose folder this is; `bdf` when it is not known.
std::string pci_path(const std::filesystem::path& device, const std::string& bdf);

/// The device's driver, or empty.
std::string driver_of(const std::string& bdf);
/// The device's driver_override, or empty.
std::string driver_override_of(const std::string& bdf);

}  // namespace holdfast::agent
