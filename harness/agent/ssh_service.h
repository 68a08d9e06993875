// How does a machine whose init the agent is let the controller in?
#pragma once

#include <filesystem>

#include "harness/base/result.h"

namespace holdfast::agent {

/// Feeds the payload's seed to the kernel's generator of random numbers, and credits it when the generator has not
/// started by itself: sshd would wait for that, minutes on a machine without a source of its own. A payload without a
/// seed is none the worse.
void seed_random(const std::filesystem::path& seed);

/// Starts the payload's sshd in a process that starts it again, ever less often, whenever it ends; it says so on the
/// console. Both live as long as the machine. Errors: lab.io when no process can be started.
Result<void> start_sshd();

}  // namespace holdfast::agent
