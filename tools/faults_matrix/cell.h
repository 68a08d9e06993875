// How is one fault made in one phase of a real run?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "tools/faults_matrix/judge.h"
#include "tools/faults_matrix/matrix.h"

namespace holdfast::faults {

/// What all combinations share.
struct Bench {
  std::filesystem::path bin;    ///< holdfast with the agent that can be told to end, and a QEMU with the relay
  std::filesystem::path clock;  ///< the library that steps the clock
  std::filesystem::path cache;  ///< of all runs: kernels, payloads, snapshots
  double scale = 0.25;          ///< of holdfast's timeouts, and of the pause
};

/// The program, its agent and QEMU as the matrix needs them, in `folder`. Errors: lab.io.
Result<Bench> set_up(const std::filesystem::path& folder, const std::filesystem::path& program);

/// One run without a fault, which also fills the cache. Errors: lab.bench when its cases do not pass.
Result<void> warm_up(const Bench& bench, const std::filesystem::path& folder);

/// Runs holdfast in `folder` (new, empty), makes the fault when it is in the phase, and looks at what comes of it. May
/// change the mounts of this process: to be called in one of its own.
Observation try_out(const Bench& bench, const Combination& combination, const std::filesystem::path& folder);

}  // namespace holdfast::faults
