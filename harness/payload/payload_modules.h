// Which modules does a kernel need before the agent can work, and in which order are they loaded?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast {

/// The modules of one kernel release, as `make modules_install` and depmod leave them.
struct ModuleChoice {
  std::vector<std::filesystem::path> files;  ///< in load order: each stands behind those that it depends on
  std::vector<std::string> absent;           ///< wanted, but neither a module nor built in
};

/// What the agent and the built-in devices need, the agent's own link first.
const std::vector<std::string>& payload_modules();

/// Picks `wanted` and their dependencies from `folder`: lib/modules/<release> itself, or a folder above it. What
/// modules.builtin lists is left out. Errors: harness.usage when there is no modules.dep (the folder was never seen by
/// depmod) or when it holds more than one release; lab.modules when modules.dep names a file that is not there.
Result<ModuleChoice> choose_modules(const std::filesystem::path& folder, const std::vector<std::string>& wanted);

/// The module's name as the kernel knows it: "vfio_pci" for ".../vfio-pci.ko.zst".
std::string module_name(const std::filesystem::path& file);

/// The module itself, decompressed if it is compressed (.xz, .zst, .gz) by the program of that format.
Result<std::string> read_module(const std::filesystem::path& file, const Deadline& deadline);

}  // namespace holdfast
