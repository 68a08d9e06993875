// How does a controller on another machine get to the agent's socket?
#pragma once

#include <filesystem>

#include "harness/base/result.h"

namespace holdfast::agent {

/// Connects to the daemon that listens at `socket` and copies: what is read from `in` goes to the daemon, what it says
/// goes to `out`. When `in` ends, so does the daemon's reading end, and its last words still come. Returns when the
/// daemon has hung up, or nobody reads `out` any more. Neither descriptor is changed or closed. Meant for a program
/// that ssh has started, which is why it knows no deadline: it ends with its connection. Errors: usage, lab.io.
Result<void> bridge(const std::filesystem::path& socket, int in, int out);

}  // namespace holdfast::agent
