// What can the agent be asked of the Live Update Orchestrator?
//
// Source: include/uapi/linux/liveupdate.h of Linux 7.3. /dev/liveupdate can be open once: the agent opens it with the
// first request that needs it and keeps it. A session is a handle as in verbs_vfio.h; closing it releases (before the
// kexec) or finishes (after it) what it preserves.
#pragma once

#include "harness/wire/verbs_vfio.h"

namespace holdfast::wire {

struct LuoSessionCreate {
  static constexpr std::string_view kVerb = "luo_session_create";
  using Reply = HandleReply;
  std::string name;
};
struct LuoSessionRetrieve {
  static constexpr std::string_view kVerb = "luo_session_retrieve";
  using Reply = HandleReply;
  std::string name;
};
struct LuoPreserve {
  static constexpr std::string_view kVerb = "luo_preserve";
  using Reply = Empty;
  Handle session = 0;
  Handle file = 0;
  uint64_t token = 0;
};
/// The file that was preserved under `token`, as a new handle.
struct LuoRetrieve {
  static constexpr std::string_view kVerb = "luo_retrieve";
  using Reply = HandleReply;
  Handle session = 0;
  uint64_t token = 0;
};
struct LuoFinish {
  static constexpr std::string_view kVerb = "luo_finish";
  using Reply = Empty;
  Handle session = 0;
};

}  // namespace holdfast::wire
