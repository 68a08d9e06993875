// Which commits does a user mean?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "harness/bisect/history.h"

namespace holdfast::bisect {

/// The id of a commit of `tree` that a user means. Errors: harness.usage naming the revision.
Result<std::string> commit_of(const std::filesystem::path& tree, const std::string& revision, const Deadline& deadline);

/// What `bad` contains and `good` does not. Errors: harness.usage when `good` is not contained in `bad`.
Result<History> history_between(const std::filesystem::path& tree, const std::string& good, const std::string& bad,
                                const Deadline& deadline);

}  // namespace holdfast::bisect
