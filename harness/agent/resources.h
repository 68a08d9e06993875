// What has the running kernel used up?
#pragma once

#include <filesystem>

#include "harness/wire/verbs_resources.h"

namespace holdfast::agent {

/// Reads below `root`, which is "/" but in tests.
wire::ResourcesReply read_resources(const std::filesystem::path& root);

}  // namespace holdfast::agent
