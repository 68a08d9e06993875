// What keeps a device at work until the kernel freezes it?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <thread>
#include <vector>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// Registers to be written in this order, over and over, and memory to be wiped when that is refused.
struct BusyWork {
  struct Write {
    off_t at = 0;
    uint32_t value = 0;
  };
  Fd device;
  Fd memory;
  uint64_t wipe = 0;
  std::vector<Write> writes;
};

/// Threads of the agent, one for each piece of work. They end with the work or with this object.
class BusyThreads {
 public:
  /// Errors: the request's when there is nothing to write; the kernel's when the memory cannot be mapped.
  Result<void> start(BusyWork work);
  bool empty() const { return threads_.empty(); }
  /// Ends them, and closes their files.
  void stop_all() { threads_.clear(); }
  /// Waits until the work that was started first has wiped its memory; for tests.
  void join_first() { threads_.front().join(); }

 private:
  std::list<std::jthread> threads_;
};

}  // namespace holdfast::agent
