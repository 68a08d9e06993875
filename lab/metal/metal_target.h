// How does the harness drive a host of a lab from its own system into kernels under test and between them?
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "harness/target.h"
#include "lab/host.h"
#include "lab/metal/launch.h"

namespace holdfast::lab {

/// All paths are absolute.
struct MetalConfig {
  Host host;
  std::filesystem::path agent;           ///< the static agent program
  std::filesystem::path console_log;     ///< every byte that comes while this target lives; truncated
  std::filesystem::path console_socket;  ///< of whoever records the host's console; empty: there is no console
  std::filesystem::path runtime_dir;     ///< sockets and keys; private, short (below 60 bytes), there already
  std::filesystem::path cache_dir;       ///< payloads
  /// Asked before anything is done to the host; an error is the reason why it must not be touched: the lease is lost.
  std::function<Result<void>()> may_touch = [] { return Result<void>(); };
  std::unique_ptr<Power> power = {};  ///< null: it cannot be switched
  /// How it gets out of its own system.
  std::function<Result<Launch>(SystemConnection&, const LaunchSpec&, const Deadline&)> launch = lab::launch;
};

/// A host that a Custody has brought to its own system. boot() starts kernel A from there by kexec: nothing is
/// installed, and the host's disks are read-only before (payload initramfs: untouched after). A second boot() has to
/// switch the power first. connect() tells at once when the host is back in its own system (kernel.reset: firmware came
/// by), when its console shows that the kernel died, and when another machine answers (lab.host-key).
///
/// Not thread-safe, but for the console. Connections end with the *thread* that called boot() or connect().
Result<std::unique_ptr<Target>> make_metal_target(MetalConfig config);

}  // namespace holdfast::lab
