// How is the agent reached on the machine that it runs on?
#pragma once

#include <filesystem>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// A non-blocking socket that listens at `path` and that only its owner may use. Takes the place of a socket file that
/// nobody listens at. Errors: usage (the path is too long, is there and no socket, or somebody listens), lab.io.
Result<Fd> listen_at(const std::filesystem::path& path);

/// A non-blocking connection to whoever listens at `path`. Errors: usage (the path is too long), lab.io.
Result<Fd> connect_to(const std::filesystem::path& path);

}  // namespace holdfast::agent
