// How does the harness write to its own machine's sysfs?
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// The only way in which devices of this machine are changed; a test puts a kernel of its own behind it.
class SysfsWriter {
 public:
  virtual ~SysfsWriter() = default;
  /// Errors: lab.io with errno when the kernel refused; lab.timeout when it still blocks at the deadline: the write
  /// then goes on in a process of its own.
  virtual Result<void> write(const std::filesystem::path& file, std::string_view text, const Deadline& deadline) = 0;
  /// Has this process the right to write there? The file exists.
  virtual bool may_write(const std::filesystem::path& file) const = 0;
};

std::unique_ptr<SysfsWriter> make_sysfs_writer();

}  // namespace holdfast::lab
