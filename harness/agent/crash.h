// When may the agent crash its kernel?
#pragma once

#include "harness/base/result.h"
#include "harness/wire/verbs_crash.h"

namespace holdfast::agent {

/// All of them must hold.
struct CrashConditions {
  bool is_init = false;       ///< the machine is ours alone
  bool loaded_by_us = false;  ///< this agent has loaded a kernel for the crash; a system's own does not count
  bool loaded_now = false;    ///< and the running kernel says that one is loaded
  bool right_kernel = false;  ///< the request names the running kernel
};

/// Errors: the request's, naming what is missing.
Result<void> may_crash(const CrashConditions& conditions);

}  // namespace holdfast::agent
