// Does a patch of a series apply on top of those before it?
#pragma once

#include <filesystem>
#include <string>

#include "harness/kernel/work_tree.h"
#include "harness/series/posted.h"

namespace holdfast::series {

/// What came of one patch. The commit is one of the work tree's own repository, never of the user's.
struct Applied {
  std::string commit = {};   ///< empty: it does not apply
  std::string note = {};     ///< "only by a 3-way merge"
  std::string refusal = {};  ///< in one sentence why not
  std::string said = {};     ///< what git printed then
};

/// Puts `patch` on top of the commit `parent`, as `git am` does: with exact context first, then as a 3-way merge. A
/// commit that follows directly is taken as it is. No file changes: all is done in an index of its own, so that what is
/// built next differs in nothing but its patch. Errors: lab.git.
Result<Applied> apply_patch(const WorkTree& tree, const std::string& parent, const PostedPatch& patch,
                            const Deadline& deadline);

}  // namespace holdfast::series
