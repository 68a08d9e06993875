// How does a copy of a tree come to be, or come up to date, without touching the tree?
#pragma once

#include <filesystem>

#include "harness/base/deadline.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// kBytes: nothing is shared with the tree. kLinks: hard links where the file system can, for a tree that belongs to
/// the cache: what later replaces a file (as patch does) leaves the tree alone, what would write into it does not.
enum class CopyMode { kBytes, kLinks };

/// Makes the folder `to` hold exactly the files of `tree`, whatever it held before: what is the same stays (compared
/// byte by byte, so that neither an interrupted call nor a patch is ever overlooked), the rest is copied or removed.
/// A kernel tree has a hundred thousand files, and where a disk is told of each block that becomes free, removing a
/// copy takes minutes: so one is kept and mended instead. Errors: lab.disk, lab.io, harness.stopped.
Result<void> mirror_tree(const KernelTree& tree, const std::filesystem::path& to, CopyMode mode,
                         const Deadline& deadline, const ProgressSink& progress);

}  // namespace holdfast
