// Which PCI functions are there?
#pragma once

#include <filesystem>

#include "harness/base/result.h"
#include "harness/wire/verbs_pci.h"

namespace holdfast::agent {

/// All functions below `devices` (a folder like /sys/bus/pci/devices), with their config space.
/// Errors: the target's when there is no such folder.
Result<wire::PciListReply> list_pci(const std::filesystem::path& devices);

}  // namespace holdfast::agent
