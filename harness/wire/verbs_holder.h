// What can the agent be asked to let another process hold, and to take away again?
//
// Files belong to processes, and processes crash. A holder is a process that does nothing but hold files; killing it is
// what the kernel sees of a crash of whoever used them. Holders end with the agent.
#pragma once

#include "harness/wire/verbs_vfio.h"

namespace holdfast::wire {

using HolderId = uint64_t;

struct HolderStartReply {
  HolderId holder = 0;
};
/// Moves the handles into a new process. When the reply comes nobody else has their files open, and the agent knows the
/// handles no more.
struct HolderStart {
  static constexpr std::string_view kVerb = "holder_start";
  using Reply = HolderStartReply;
  std::vector<Handle> handles;
};
/// Kills the process, and waits until the kernel has closed its files. Refused with EBUSY when that takes longer than
/// `wait_ms`; it may be asked again.
struct HolderKill {
  static constexpr std::string_view kVerb = "holder_kill";
  using Reply = Empty;
  HolderId holder = 0;
  uint64_t wait_ms = 5000;
};

}  // namespace holdfast::wire
