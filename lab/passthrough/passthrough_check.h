// What does a virtual machine with devices of this one need of this machine?
#pragma once

#include <vector>

#include "harness/checkup.h"
#include "lab/inventory/inventory.h"
#include "lab/passthrough/taken.h"

namespace holdfast::lab {

/// Each device: can it be passed through, with which rights, or why not. Then vfio-pci, QEMU's way to open devices, and
/// huge pages. Starts nothing but `qemu -device help`, changes nothing. Errors: lab.io.
Result<std::vector<Finding>> check_passthrough(const VirtualMachine& vm, const TakingPlace& place,
                                               const Deadline& deadline);

}  // namespace holdfast::lab
