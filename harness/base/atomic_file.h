// How is a file replaced in one step by text that comes in pieces?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast {

/// Writes beside a file and takes its place at the end, so that whoever reads it, whenever, reads a whole one. Without
/// commit() the old file stays, and nothing of the new one. Move-only.
class AtomicFile {
 public:
  static Result<AtomicFile> create(std::filesystem::path path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  /// Adds text. What goes wrong is told by commit().
  void put(std::string_view text);
  /// Syncs what was put, and puts it in place. To be called once.
  Result<void> commit();

 private:
  AtomicFile(std::filesystem::path path, std::filesystem::path beside, Fd fd)
      : path_(std::move(path)), beside_(std::move(beside)), fd_(std::move(fd)) {}
  void flush();

  std::filesystem::path path_;
  std::filesystem::path beside_;  ///< empty when it is in place, or somebody else's
  Fd fd_;
  std::string buffer_;
  Result<void> written_;
};

}  // namespace holdfast
