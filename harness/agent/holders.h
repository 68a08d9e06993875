// How are files given to a process of their own, which can be killed?
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "harness/agent/handles.h"
#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_holder.h"

namespace holdfast::agent {

/// Processes that do nothing but hold files. Each one has no descriptor but those, and ends by itself when the agent
/// does, however that happens: the agent's end of a socket closes. The kernel reaps them (SIGCHLD is ignored). One
/// thread uses it.
class Holders {
 public:
  /// Moves the files out of `handles` into a new process. When this returns nobody else has them open. Errors: the
  /// request's for a handle that is not there or named twice; then all stay where they are.
  Result<wire::HolderId> start(Handles& handles, const std::vector<wire::Handle>& which);

  /// Kills the process and waits until it is gone, its files closed. Errors: the request's when there is no such
  /// holder; the kernel's EBUSY when it is still there at the deadline, and stays known.
  Result<void> kill(wire::HolderId holder, const Deadline& deadline);

  bool empty() const { return running_.empty(); }
  /// Kills all of them, and waits for each as long as the deadline allows.
  void kill_all(const Deadline& deadline);

 private:
  struct Process {
    Fd lifeline;  ///< the child lives until the other end of its socket closes
    Fd pidfd;
  };
  std::map<wire::HolderId, Process> running_;
  wire::HolderId next_ = 1;
};

}  // namespace holdfast::agent
