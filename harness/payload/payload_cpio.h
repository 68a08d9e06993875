// How is an initramfs written so that the kernel reads it?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "harness/base/digest.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast {

/// Writes a "newc" cpio archive piece by piece; nothing of a file's content is held but the piece under way. Needs no
/// root, device nodes are but entries. The same calls give the same bytes: no times, no owners. Names have no leading
/// slash; a folder must come before what is in it. Move-only.
///
/// Source: Documentation/driver-api/early-userspace/buffer-format.rst in the Linux tree.
class CpioWriter {
 public:
  static Result<CpioWriter> create(const std::filesystem::path& path, unsigned permissions = 0644);

  Result<void> folder(std::string_view name, uint32_t permissions = 0755);
  Result<void> file(std::string_view name, std::string_view content, uint32_t permissions = 0644);
  /// Copies a file, whose SHA-256 must be `sha256` when that is not empty. Errors: lab.changed when the file is not
  /// (or no longer) what it was.
  Result<void> file_from(std::string_view name, const std::filesystem::path& source, std::string_view sha256,
                         uint32_t permissions);
  Result<void> character_device(std::string_view name, uint32_t major, uint32_t minor, uint32_t permissions = 0600);

  /// Ends the archive and begins another one behind it: the kernel unpacks one after the other. Gives how many bytes
  /// stand before the new one. Names go on: what was a folder before is one.
  Result<uint64_t> next_archive();
  /// Ends the archive; gives the SHA-256 of all that was written. Nothing may be added after that.
  Result<std::string> finish();

 private:
  struct Entry {
    uint32_t mode = 0;
    uint64_t size = 0;
    uint32_t links = 1;
    uint32_t major = 0;
    uint32_t minor = 0;
  };

  CpioWriter(std::filesystem::path path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Result<void> header(std::string_view name, const Entry& entry);
  Result<void> trailer();
  Result<void> put(std::string_view bytes);
  Result<void> pad_to(size_t multiple);

  std::filesystem::path path_;
  Fd fd_;
  Digest digest_;
  uint64_t written_ = 0;
  uint32_t next_inode_ = 1;
};

}  // namespace holdfast
