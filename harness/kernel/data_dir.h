// Where are the files that the program comes with, and where may it keep what it makes?
#pragma once

#include <filesystem>

#include "harness/base/result.h"

namespace holdfast {

/// The folder `fixtures` that belongs to this program: HOLDFAST_DATA, else the one beside the running program (the
/// build tree links to it), else <program>/../share/holdfast/fixtures. Errors: harness.usage naming where it looked.
Result<std::filesystem::path> data_dir();
/// The same for a program at `program`.
Result<std::filesystem::path> data_dir_of(const std::filesystem::path& program);

/// The cache: HOLDFAST_CACHE, else $XDG_CACHE_HOME/holdfast, else ~/.cache/holdfast; absolute. Need not exist.
/// Errors: harness.usage when none of the three is set.
Result<std::filesystem::path> cache_dir();

/// For what is to outlive a program: $XDG_STATE_HOME/holdfast, else ~/.local/state/holdfast; absolute. Need not exist.
/// Errors: harness.usage when neither is set.
Result<std::filesystem::path> state_dir();

}  // namespace holdfast
