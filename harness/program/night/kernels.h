// How do the kernels of a night come to this computer?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/event.h"
#include "harness/kernel/progress.h"
#include "lab/nightly/night_plan.h"

namespace holdfast {

/// A kernel of the plan that can be run.
struct ReadyKernel {
  std::string argument;                ///< as --kernel has it; empty: the reference kernel
  std::filesystem::path modules = {};  ///< or empty
  std::string tree = {};               ///< of a branch
  std::string commit = {};             ///< likewise
  std::string bisect_words = {};       ///< what a bisection of it needs besides the tree
  std::string no_bisect = {};          ///< or why it cannot be searched
  std::vector<std::string> warnings = {};
};

/// Fetches and builds a branch, or fetches and unpacks a package; the plan's tree gets the remote's new commits, as by
/// `git fetch`, and is else only read. What was there already is not made again. Of what a night has made, the kernel
/// of the night before is kept, and older ones removed. Errors: kernel.* when the tree cannot be built; harness.usage;
/// lab.git, lab.apt.
Result<ReadyKernel> prepare_kernel(const lab::NightKernel& kernel, const std::string& plan, const Deadline& deadline,
                                   const ProgressSink& progress);

/// Looks whether that is likely to work, and touches nothing. Errors: harness.usage, at the kernel's place in the file.
Result<void> check_kernel_of_night(const lab::NightKernel& kernel, const Deadline& deadline);

}  // namespace holdfast
