// Which PCI functions does a file system, a swap area or a volume stand on?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/base/device_use.h"

namespace holdfast {

/// The part of devices_in_use() that is about disks.
Result<std::vector<DeviceUse>> disks_in_use(const std::filesystem::path& root);

}  // namespace holdfast
