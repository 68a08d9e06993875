// What does a kernel build need on this machine, and what is it built with?
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/kernel/kernel_image.h"

namespace holdfast {

/// The compiler and linker, as their first lines of --version say. Errors: lab.tool.
Result<std::string> compiler_identity(const Deadline& deadline);

/// Errors: lab.tool naming what no kernel build does without and is not here, and the Debian packages that have it.
Result<void> require_build_tools();

/// As above, for what only this configuration needs: a compressor, libelf or OpenSSL headers, pahole, depmod.
Result<void> require_tools_for(const KernelConfig& config, const Deadline& deadline);

/// The environment for ccache: where it keeps its cache, and settings under which a kernel's objects are found again
/// from another copy of the same tree at `root`. Nothing when ccache is not here.
std::optional<std::map<std::string, std::string>> ccache_environment(const std::filesystem::path& root,
                                                                     const std::filesystem::path& cache);

}  // namespace holdfast
