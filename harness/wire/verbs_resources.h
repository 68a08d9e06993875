// What can the agent be asked about what the running kernel has used up?
#pragma once

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

/// Sizes in KiB. What cannot be read is 0.
struct ResourcesReply {
  uint64_t memory_total = 0;      ///< MemTotal of /proc/meminfo: what the kernel has at all
  uint64_t memory_available = 0;  ///< MemAvailable
  uint64_t slab = 0;              ///< Slab
  uint64_t slab_unreclaimable = 0;
  uint64_t kho_scratch = 0;  ///< set aside for the next kernel, as debugfs says it
  uint64_t open_files = 0;   ///< files that are open in the whole system: the first word of /proc/sys/fs/file-nr
};
struct Resources {
  static constexpr std::string_view kVerb = "resources";
  using Reply = ResourcesReply;
};

}  // namespace holdfast::wire
