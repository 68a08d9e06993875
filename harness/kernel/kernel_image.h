// Which kernel is in this bzImage?
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"

namespace holdfast {

/// Kernel configuration: "CONFIG_PCI" to "y", "m" or the text behind the equals sign, quotes and all. What is not set
/// is not in it.
using KernelConfig = std::map<std::string, std::string>;

/// Reads the text of a .config.
KernelConfig parse_config(std::string_view text);

/// A bootable kernel file and what it says about itself.
struct KernelImage {
  std::filesystem::path path;
  std::string sha256;
  std::string release;                 ///< uname -r
  std::string banner;                  ///< uname -v
  std::string build_id;                ///< hex of the GNU build-id; empty when it carries none
  std::optional<KernelConfig> config;  ///< nothing when it was built without CONFIG_IKCONFIG
  std::filesystem::path modules;       ///< folder with its modules when the store has them, else empty
  std::string origin;                  ///< source and series, when the store has built it; else empty
};

/// Reads `path`, or what is remembered of it below `cache_dir` (an unwritable cache only costs time). Knows a file that
/// has not changed by path, size, time and inode, and a copy of a known one by its digest.
/// Errors: harness.usage when it is not there (naming the nearest file beside it), no bzImage or cut short; lab.tool
/// when the program that unpacks it is missing; lab.damaged.
Result<KernelImage> inspect_kernel(const std::filesystem::path& path, const std::filesystem::path& cache_dir,
                                   const Deadline& deadline);

}  // namespace holdfast
