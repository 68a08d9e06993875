// Which temporary folders and half-made parts of the cache are there whose makers are dead?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/leftover.h"

namespace holdfast {

/// Temporary folders (TempDir) of this user below `place` whose process is gone. One of another namespace of process
/// numbers may well live, and is left alone.
std::vector<Leftover> left_folders(const std::filesystem::path& place);

/// What in the cache was written beside its place and never got there: of a machine that was being kept, when nobody
/// holds that machine's lock; of other things, when nobody has written to it for half an hour.
std::vector<Leftover> left_in_cache(const std::filesystem::path& cache);

}  // namespace holdfast
