// How does the agent run on a host that has a system of its own?
#pragma once

#include <filesystem>

#include "harness/agent/registry.h"
#include "harness/base/result.h"

namespace holdfast::agent {

struct DaemonOptions {
  std::filesystem::path socket;                     ///< files that are sent are kept beside it, in <socket>.files
  std::filesystem::path files = "/holdfast/files";  ///< what is here already, each named by its SHA-256
  bool detach = false;  ///< return in the caller's process once the daemon listens in one of its own
};

/// Listens on a unix socket that only its owner may use, in a session of its own, and serves one controller after the
/// other until SIGTERM or SIGINT; then closes everything that it holds and restores the drivers that it changed.
/// Errors: the target's, before it listens.
Result<void> run_as_daemon(const DaemonOptions& options);

/// Serves the controllers that come to `listener`, one after the other, until `stop`.
void serve_connections(State& state, const Registry& registry, int listener, const Stop& stop);

}  // namespace holdfast::agent
