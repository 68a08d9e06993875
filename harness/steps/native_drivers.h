// Which drivers must the next kernel not start, so that the devices under test arrive untouched?
#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/tokens.h"

namespace holdfast {

/// Adds the native drivers of these devices, as they were before vfio-pci, to `natives`. A device that was expected in
/// an earlier kernel has none any more, so a case gathers them.
void add_native_drivers(const std::vector<Bound>& devices, std::set<std::string>& natives);

/// The words of a command line that keep drivers of these names from starting, whether they are built in or modules
/// that a system's own udev would load; empty when there is nothing to keep off. A driver whose name is not known here
/// can only be kept off as a module.
///
/// What is in `vital` the machine is reached by, or has its root file system from: names as sysfs gives them, of virtio
/// devices those of virtio's own drivers ("virtio_net"). Error plan.cannot when one of `natives` is such a driver: it
/// cannot be kept from the device under test alone.
Result<std::string> keep_drivers_off(const std::set<std::string>& natives, const std::vector<std::string>& vital);

}  // namespace holdfast
