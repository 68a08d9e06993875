// Who of a running system acts on what becomes of its devices, and how is that kept still while its kernel is left?
#pragma once

#include <filesystem>
#include <utility>

#include "harness/base/deadline.h"

namespace holdfast::agent {

/// systemd-udevd with all its workers, frozen. Each device that a leaving kernel shuts down is an event to it, for
/// which it reads its rules: from a disk that is no more, in a storm of I/O errors that keep processors and the console
/// busy when they are to be handed over. Thawed by undo() or when destroyed. Move-only.
class StillUdev {
 public:
  /// The control group of the service; tests have their own.
  static constexpr const char* kService = "/sys/fs/cgroup/system.slice/systemd-udevd.service";

  /// Waits until it is frozen, for at most a second. Where there is no such service, or only control groups of version
  /// 1, which cannot freeze it, nothing is done: leaving then is as it was, and seldom slow.
  static StillUdev make(const std::filesystem::path& service, const Deadline& deadline);
  StillUdev() = default;
  StillUdev(StillUdev&& other) noexcept : service_(std::exchange(other.service_, {})) {}
  StillUdev& operator=(StillUdev&& other) noexcept;
  ~StillUdev() { undo(); }

  /// Works off what has come meanwhile.
  void undo();

 private:
  std::filesystem::path service_;  ///< empty: nothing is frozen
};

}  // namespace holdfast::agent
