// How are files read, written and cleaned up?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast {

/// The whole file. Works on /proc and /sys, whose sizes lie. Errors: lab.io with errno.
Result<std::string> read_file(const std::filesystem::path& path, size_t cap = size_t{1} << 30);

/// Opens with O_CLOEXEC added to `flags`.
Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);

/// Writes all of `text`, going on after short writes and EINTR.
Result<void> write_all(int fd, std::string_view text);

/// Creates or replaces a file in one step: written beside it, synced, renamed. A reader sees the old one or the new
/// one, never a part.
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view text);

/// Creates or truncates and writes; no promise about a crash in the middle.
Result<void> write_file(const std::filesystem::path& path, std::string_view text);

/// As std::filesystem::create_directories, with an Error that names the path and what to do.
Result<void> make_dirs(const std::filesystem::path& path);

/// A new folder that is removed with all that is in it when the object is destroyed. Move-only.
class TempDir {
 public:
  /// Below TMPDIR, or /tmp; `prefix` begins its name. Mode 0700.
  static Result<TempDir> create(std::string_view prefix = "holdfast");

  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// An exclusive lock on a file (flock), held until destroyed or the process ends. Move-only.
class FileLock {
 public:
  /// Empty optional when somebody else holds it. Creates the file when it is not there.
  static Result<std::optional<FileLock>> try_take(const std::filesystem::path& path);
  /// A child that inherits it keeps the lock held for as long as it or any of its children lives.
  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace holdfast
