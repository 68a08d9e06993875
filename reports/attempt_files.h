// Which files lie in the folder of an attempt, and what may a report take from them?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace holdfast::reports {

/// The path from the root, without "." and "..". Errors: lab.io when the current folder is gone.
Result<std::filesystem::path> absolute_path(const std::filesystem::path& path);

/// True for a relative path that does not leave the folder it starts in. A journal that somebody sends may name any
/// path: a report that followed it would show files of its reader's machine.
bool leads_inward(const std::filesystem::path& relative);

/// The regular files in an attempt's folder, sorted by name. Symlinks are no regular files. Empty when there is no
/// such folder, or when it is not really below `run_dir`.
std::vector<std::filesystem::path> attempt_files(const std::filesystem::path& run_dir,
                                                 const std::filesystem::path& dir);

/// The content of the file `name` in an attempt's folder, at most its last `limit` bytes. Nothing when it is not
/// there, is no regular file, or lies elsewhere.
std::optional<std::string> attempt_text(const std::filesystem::path& run_dir, const std::filesystem::path& dir,
                                        std::string_view name, size_t limit);

}  // namespace holdfast::reports
