// What was the checksum of this file, when it has not changed since?
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/result.h"

namespace holdfast {

/// Remembers, in a folder, the SHA-256 of files by what stat(2) says of them: reading a kernel costs more than all
/// else that is done before a machine starts. Any number of processes may use one folder; forgetting is no harm.
///
/// A file that changed a moment ago is not remembered: it could change again without a trace, as its times are those of
/// the kernel's clock tick.
class DigestMemory {
 public:
  explicit DigestMemory(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The SHA-256 of a file, read only when it is not remembered. Errors: those of sha256_file().
  Result<std::string> sha256_of(const std::filesystem::path& file) const;

  /// The same in two steps, for who reads the file anyhow. `facts` are those of `file` before it was read.
  std::optional<std::string> recall(const std::filesystem::path& file, const struct stat& facts) const;
  void remember(const std::filesystem::path& file, const struct stat& facts, const std::string& digest) const;

 private:
  std::filesystem::path note_of(const std::filesystem::path& file, const struct stat& facts) const;

  std::filesystem::path folder_;
};

}  // namespace holdfast
