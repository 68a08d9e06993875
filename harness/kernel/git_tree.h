// What does a git checkout hold, asked without git writing into it?
#pragma once

#include <filesystem>
#include <optional>

#include "harness/base/deadline.h"
#include "harness/kernel/kernel_tree.h"

namespace holdfast {

/// Looks at the checkout whose top folder is `dir`; nothing when it is none, has no commit yet, or git is not there.
/// The checkout's own index is never refreshed: a copy below `cache_dir` is, and kept for the next time.
Result<std::optional<KernelTree>> look_at_checkout(const std::filesystem::path& dir,
                                                   const std::filesystem::path& cache_dir, TreeLook what,
                                                   const Deadline& deadline);

}  // namespace holdfast
