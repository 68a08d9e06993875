// How does the harness get a machine without any machine: the built-in QEMU target?
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/target.h"
#include "lab/qemu/accel.h"

namespace holdfast::lab {

/// What can be chosen about the built-in target. Paths must be absolute.
struct QemuConfig {
  std::string name = "qemu";
  std::string binary = "qemu-system-x86_64";
  unsigned memory_mib = 512;
  unsigned cpus = 1;
  AccelWish accel = AccelWish::kAuto;
  bool cold = false;                      ///< boots each time, and keeps no machine to go on from
  bool emulated = true;                   ///< with the emulated test devices
  std::vector<std::string> further = {};  ///< more arguments for QEMU
  std::vector<std::string> passed = {};   ///< devices of this machine (vfio_argv.h), in the ordinary topology only
  std::filesystem::path agent;            ///< the static agent program, which becomes the guest's init
  std::filesystem::path work_dir;         ///< sockets and QEMU's stderr; there already, and of no other target
  std::filesystem::path console_log;      ///< every byte of this target's console; truncated
  std::filesystem::path target_log;       ///< console lines of all targets of that name, appended; empty: none
  std::string slot;                       ///< whose lines they are, in `target_log`
  std::filesystem::path cache_dir;        ///< payloads, kept machines, and whether KVM can be trusted
};

/// A target whose machine is a QEMU process: made at boot(), killed when the target is destroyed, when the thread that
/// called boot() ends, and when the program ends in whatever way. Its Agents must not be used after it. Not
/// thread-safe, but for the console.
///
/// The agent is the guest's init and speaks over a virtio port, which stays connected over a kexec. Both kernels start
/// with the same initramfs; the kernel to be loaded is in it.
Result<std::unique_ptr<Target>> make_qemu_target(const QemuConfig& config);

}  // namespace holdfast::lab
