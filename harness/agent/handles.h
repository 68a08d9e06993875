// Which files does the agent hold open for its controllers?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast::agent {

/// An open file and what has to stay open with it.
struct Held {
  Fd fd;
  std::string what;                               ///< "vfio device 0000:03:00.0", "memfd x"
  std::vector<Fd> keeps = {};                     ///< group and container of a device opened the older way
  std::map<uint32_t, std::vector<Fd>> irqs = {};  ///< eventfds, by interrupt index
};

/// Numbers for open files. They belong to the agent, not to a connection: only close() and the end of the agent let go.
class Handles {
 public:
  /// Numbers are never used twice.
  wire::Handle add(Held held);
  /// Errors: the request's when there is no such handle.
  Result<Held*> find(wire::Handle handle);
  /// Closes the file. May block for as long as the kernel does.
  Result<void> close(wire::Handle handle);
  bool empty() const { return held_.empty(); }
  /// Closes everything, the newest first: a session goes before the files that it preserves.
  void close_all();

 private:
  std::map<wire::Handle, Held> held_;
  wire::Handle next_ = 1;
};

}  // namespace holdfast::agent
