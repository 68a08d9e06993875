// Does the series know the options that the user wants to have on?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/kernel/work_tree.h"

namespace holdfast::series {

/// A series may bring an option that its base has not, so each state is only asked for what it knows. A symbol that
/// neither base nor tip declares is a mistake all the same. Errors: harness.usage naming it; lab.git.
Result<void> check_wishes(const WorkTree& tree, const std::vector<std::string>& commits,
                          const std::vector<std::filesystem::path>& fragments, const Deadline& deadline);

}  // namespace holdfast::series
