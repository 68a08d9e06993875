// How is the agent told to crash its kernel, and what must have been said before?
#pragma once

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

/// kexec_file_load with KEXEC_FILE_ON_CRASH: the kernel that takes over when this one panics. It is put into the memory
/// that `crashkernel=` set aside; without that the system call's errno is ENODEV or EADDRNOTAVAIL. Members as in
/// KexecLoad.
struct CrashLoad {
  static constexpr std::string_view kVerb = "crash_load";
  using Reply = Empty;
  std::string kernel;
  std::string initrd;
  std::string cmdline;
};

/// Crashes the kernel, after the reply. Refused unless this agent is its machine's init, has itself loaded a kernel for
/// the crash that is still there, and `boot_id` is that of the kernel that is to end.
struct CrashNow {
  static constexpr std::string_view kVerb = "crash_now";
  using Reply = Empty;
  std::string boot_id;
};

/// What a crash kernel has of the one that crashed: /proc/vmcore.
struct VmcoreReply {
  uint64_t size = 0;    ///< in bytes; 0 when there is none
  bool is_elf = false;  ///< it can be read, and begins as a core file does
};
struct Vmcore {
  static constexpr std::string_view kVerb = "vmcore";
  using Reply = VmcoreReply;
};

}  // namespace holdfast::wire
