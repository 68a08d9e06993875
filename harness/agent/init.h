// What must process 1 do so that a bare kernel becomes a target?
#pragma once

namespace holdfast::agent {

/// Mounts what the agent needs, loads the payload's modules, finds the link and serves it. Never returns: a kernel
/// whose process 1 ends panics.
[[noreturn]] void run_as_init();

}  // namespace holdfast::agent
