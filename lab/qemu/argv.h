// What does the built-in virtual machine consist of, and how is QEMU told?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::lab {

/// What runs the guest's instructions.
enum class Accel { kTcg, kKvm };

std::string_view to_string(Accel accel);

/// One virtual machine. The three sockets are listening ones that QEMU inherits; each has a client waiting already, so
/// that not a byte of the console is lost and no path is polled for.
struct QemuSpec {
  std::string binary = "qemu-system-x86_64";
  std::string name = "holdfast";  ///< shown by ps
  unsigned memory_mib = 512;
  std::filesystem::path memory_file = {};  ///< the guest's memory; empty: QEMU's own
  bool memory_written = false;             ///< to that file; false: it is read, and each page written to is a copy
  bool incoming = false;                   ///< does not boot, but waits to be told what it is (Vm::restore)
  unsigned cpus = 1;
  Accel accel = Accel::kTcg;
  std::filesystem::path kernel = {};
  std::filesystem::path initrd = {};
  std::string cmdline = {};
  std::string topology = {};              ///< which test devices it has (parts.h)
  bool emulated = true;                   ///< it has those; false: only what `further` brings
  bool saveable = false;                  ///< without devices whose state QEMU cannot save: their places are empty
  std::vector<std::string> further = {};  ///< more arguments: devices of this machine (vfio_argv.h)
  int console_fd = -1;
  int qmp_fd = -1;
  int agent_fd = -1;
};

/// QEMU's argument vector.
std::vector<std::string> qemu_argv(const QemuSpec& spec);

/// Name of the agent's port: /dev/virtio-ports has it.
inline constexpr std::string_view kAgentPort = "holdfast.agent";

}  // namespace holdfast::lab
