// How many virtual machines can this computer run at once?
#include "harness/capacity.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

/// MiB that programs may still take, page cache included; a great number when it is not told.
int available_mib(std::string_view meminfo) {
  for (const std::string_view line : split(meminfo, '\n')) {
    if (!line.starts_with("MemAvailable:")) continue;
    const auto kib = parse_u64(trim(line.substr(line.find(':') + 1, line.rfind(' ') - line.find(':') - 1)));
    if (kib) return static_cast<int>(std::min<uint64_t>(*kib / 1024, std::numeric_limits<int>::max()));
  }
  return std::numeric_limits<int>::max();
}

}  // namespace

Capacity capacity_of(int cores, std::string_view meminfo) {
  return {.cores = cores, .memory_mib = available_mib(meminfo)};
}

Capacity own_capacity() {
  const auto meminfo = read_file("/proc/meminfo");
  return capacity_of(static_cast<int>(std::thread::hardware_concurrency()),
                     meminfo ? std::string_view(*meminfo) : std::string_view());
}

int machines_at_once(const Capacity& whole, int cpus_each, int memory_mib_each) {
  const int by_cores = whole.cores / std::max(1, cpus_each);
  const int by_memory = whole.memory_mib / (memory_mib_each + kMachineOverheadMib);
  return std::max(1, std::min(by_cores, by_memory));
}

int machines_at_once(int cpus_each, int memory_mib_each) {
  return machines_at_once(own_capacity(), cpus_each, memory_mib_each);
}

}  // namespace holdfast
