// Which machines does a run use, and with which kernels?
#pragma once

#include <memory>
#include <vector>

#include "harness/event.h"
#include "harness/kernel_choice.h"
#include "harness/program/machines.h"

namespace holdfast {

/// Kernels as they were chosen and as they were found. An image carries its whole configuration: targets that run the
/// same kernels share them.
struct FoundKernels {
  KernelOptions chosen;
  std::shared_ptr<const Kernels> images;
  std::shared_ptr<const PlanKernels> for_plan;
};

/// A machine of this run with the kernels that it runs.
struct RunTarget {
  Machine machine;
  FoundKernels kernels;
};

/// Finds each machine's kernels: those of `options`, or the host's own. Errors: as resolve_kernels().
Result<std::vector<RunTarget>> targets_of(std::vector<Machine> machines, const RunOptions& options,
                                          const OtherKernels& others, const Deadline& deadline);

/// More live updates in a row take more time.
std::vector<CaseInfo> with_soak(std::vector<CaseInfo> cases, int soak);

std::vector<Machine> machines_of(const std::vector<RunTarget>& targets);

/// "<release of A>..<release of B>", as suites are named.
std::string kernels_of(const RunTarget& target);

/// Two runs of which these differ are no parts of the same.
Properties kernel_properties(const std::vector<RunTarget>& targets);

}  // namespace holdfast
