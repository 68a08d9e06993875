// Is a host in its own system, and which boot of it is that?
#pragma once

#include <filesystem>
#include <string>

#include "lab/host.h"
#include "lab/metal/ssh.h"

namespace holdfast::lab {

/// A word of every test kernel's command line begins so; the host's own system has none of them.
inline constexpr std::string_view kTestWord = "holdfast.";

/// Who answers where the host's own system does.
struct RunningSystem {
  std::string boot_id;
  std::string cmdline;
  std::string release;
  bool is_test_kernel() const;
};

/// A connection, and what is at its other end.
struct SystemConnection {
  Ssh ssh;
  RunningSystem system;
};

/// One try, with the host key of the host's own system. Errors: Ssh's.
Result<SystemConnection> reach_system(const SshAccess& access, const std::filesystem::path& runtime_dir,
                                      const Deadline& deadline, std::chrono::seconds to_answer = kToAnswer);

/// As above, until it answers and is no test kernel: a host that was powered on takes its time. Another host key, and
/// our key not let in, end it at once.
Result<SystemConnection> await_own_system(const SshAccess& access, const std::filesystem::path& runtime_dir,
                                          const Deadline& deadline);

}  // namespace holdfast::lab
