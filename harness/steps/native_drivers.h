// Which drivers must the next kernel not start, so that the devices under test arrive untouched?
#pragma once

#include <set>
#include <string>
#include <vector>

#include "harness/tokens.h"

namespace holdfast {

/// Adds the native drivers of these devices, as they were before vfio-pci, to `natives`. A device that was expected in
/// an earlier kernel has none any more, so a case gathers them.
void add_native_drivers(const std::vector<Bound>& devices, std::set<std::string>& natives);

/// The word of a command line that keeps built-in drivers of these names from starting, but for those that are in
/// `vital`: the machine could not be reached without them. Empty when there is nothing to keep off, or a driver is not
/// known: it would then have to be a module that nobody loads.
std::string keep_drivers_off(const std::set<std::string>& natives, const std::vector<std::string>& vital);

}  // namespace holdfast
