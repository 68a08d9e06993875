// How many virtual machines can this computer run at once?
#pragma once

#include <string_view>

namespace holdfast {

/// What a guest costs beside its own memory: QEMU, its translation cache (a quarter of the guest's memory, for the
/// sizes in question), the process of the case.
inline constexpr int kMachineOverheadMib = 300;

/// What programs of this computer can have together.
struct Capacity {
  int cores = 0;
  int memory_mib = 0;
};

/// `meminfo` is the text of /proc/meminfo; a great number of MiB when it does not tell.
Capacity capacity_of(int cores, std::string_view meminfo);

/// Of this computer.
Capacity own_capacity();

/// At least one; else as many as both the cores and the memory allow.
int machines_at_once(const Capacity& whole, int cpus_each, int memory_mib_each);

/// The same for this computer.
int machines_at_once(int cpus_each, int memory_mib_each);

}  // namespace holdfast
