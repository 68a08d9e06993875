// What does the built-in target need of this computer?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/checkup.h"
#include "lab/qemu/accel.h"

namespace holdfast::lab {

/// QEMU, the agent at `agent`, the cache folder, and how fast guests will run. Starts nothing.
std::vector<Finding> check_qemu(AccelWish accel, const std::filesystem::path& agent,
                                const std::filesystem::path& cache);

}  // namespace holdfast::lab
