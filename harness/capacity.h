// How many virtual machines can this computer run at once?
#pragma once

#include <string_view>

namespace holdfast {

/// What a guest costs beside its own memory: QEMU, its translation cache (a quarter of the guest's memory, for the
/// sizes in question), the process of the case.
inline constexpr int kMachineOverheadMib = 300;

/// At least one; else as many as both the cores and the memory that is available allow. `meminfo` is the text of
/// /proc/meminfo.
int machines_at_once(int cores, std::string_view meminfo, int cpus_each, int memory_mib_each);

/// The same for this computer.
int machines_at_once(int cpus_each, int memory_mib_each);

}  // namespace holdfast
