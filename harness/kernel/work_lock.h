// How do two processes that want to do the same long work stay out of each other's way?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// An exclusive lock that says who holds it, and that the programs started under it share: when the holder is killed,
/// the lock stays held until its children are gone too, and whoever waits for it ends them. Move-only.
class WorkLock {
 public:
  /// Waits, telling `progress` (step "wait") for whom. `doing` is what the holder does: "builds the kernel stock".
  /// Errors: lab.timeout, harness.stopped, lab.io.
  static Result<WorkLock> take(const std::filesystem::path& path, std::string_view doing, const Deadline& deadline,
                               const ProgressSink& progress);
  /// Nothing when somebody else holds it; what is left of one that was killed is ended.
  static Result<std::optional<WorkLock>> try_take(const std::filesystem::path& path, std::string_view doing);

  /// Makes a program one of those that share the lock.
  void share_with(Command& command) const;

 private:
  static Result<std::optional<WorkLock>> take_now(const std::filesystem::path& path, std::string_view doing);
  WorkLock(FileLock lock, std::string token) : lock_(std::move(lock)), token_(std::move(token)) {}
  FileLock lock_;
  std::string token_;
};

}  // namespace holdfast
