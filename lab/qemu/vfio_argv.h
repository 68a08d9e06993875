// How is QEMU told to give a guest devices of this machine?
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "lab/passthrough/passed_device.h"

namespace holdfast::lab {

/// A property of a device, as `qemu -device NAME,help` lists it: "x-no-mmap" and "bool".
using QemuProperties = std::map<std::string, std::string>;

/// Pure: reads what QEMU prints.
QemuProperties parse_device_help(std::string_view text);
/// Asks `qemu` for the properties of its vfio-pci. Errors: lab.exec, lab.timeout; plan.cannot when it has no such
/// device.
Result<QemuProperties> vfio_properties(const std::string& qemu, const Deadline& deadline);

/// How QEMU opens a device: through its group, or, where both can, through a character device of its own.
enum class VfioWay { kGroup, kCdev };
/// Errors: plan.cannot when QEMU and the kernel have no way in common.
Result<VfioWay> choose_vfio_way(const QemuProperties& properties, const std::filesystem::path& root = "/");

/// The ports and devices. Options are held to what this QEMU knows. Errors: harness.usage naming the option, and what
/// is near it.
Result<std::vector<std::string>> vfio_arguments(const std::vector<PlacedDevice>& placed, VfioWay way,
                                                const QemuProperties& properties);

/// The guest's memory in huge pages; nothing when `hugepage_mib` is 0. Errors: harness.usage for sizes that do not fit,
/// lab.hugepages when too few are free, with the command that makes more.
Result<std::vector<std::string>> memory_arguments(unsigned memory_mib, unsigned hugepage_mib,
                                                  const std::filesystem::path& root = "/");

/// How much longer such a machine takes to start: all of its memory is pinned page by page, each device is reset.
Millis passthrough_patience(unsigned memory_mib, const std::vector<PlacedDevice>& placed);

/// Why such a machine is booted each time.
inline constexpr std::string_view kNoSnapshot =
    "a device of this machine keeps its state to itself: QEMU can neither save nor restore it, so each case boots anew";

}  // namespace holdfast::lab
