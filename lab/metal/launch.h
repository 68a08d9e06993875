// How does a host get from its own system into kernel A?
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "harness/target.h"
#include "lab/host.h"
#include "lab/metal/own_system.h"

namespace holdfast::lab {

/// With what a host is started.
struct LaunchSpec {
  const Host& host;
  const BootSpec& boot;
  std::filesystem::path agent;
  std::filesystem::path boot_dir;   ///< of this boot alone, private: its keys
  std::filesystem::path cache_dir;  ///< payloads
};

/// What a launched host is told apart by, and how its kernels under test are reached.
struct Launch {
  std::string word;          ///< "holdfast.boot=<token>": in the command line of every kernel of this boot
  std::string base_cmdline;  ///< what all of them need
  SshAccess access;          ///< the way to them, with the host key that they show
  RunningSystem left;        ///< the host's own system, as it was
  std::string initrd;        ///< for wire::KexecLoad of the kernels after kernel A
  std::vector<std::string> vital_drivers;  ///< of the management card; with a root file system, of what that needs
  std::map<std::string, std::string> facts;
};

/// Brings agent, kernel and payload to the host, has its agent load the kernel and leave for it. On success the host is
/// on its way: only the console and the next connection tell how it went. Errors: those of Ssh, Delivery, the payload
/// and management_network(); lab.protected-device when the inventory offers what the host's own system needs;
/// kernel.refused by the host's own kernel becomes lab.kexec, since that is none under test.
Result<Launch> launch(SystemConnection& own, const LaunchSpec& spec, const Deadline& deadline);

}  // namespace holdfast::lab
