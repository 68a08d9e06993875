// How is one run of a night carried out, and what becomes of what did not fit?
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/options.h"
#include "harness/program/night/kernels.h"
#include "harness/program/program.h"
#include "lab/nightly/budget.h"
#include "lab/nightly/jobs.h"
#include "reports/nightly/night.h"

namespace holdfast {

/// A run of the night with the cases that it comes to.
struct NightRun {
  lab::NightJob job;
  Plan plan;
};

/// What the kernels of the plan came to, by name.
using ReadyKernels = std::map<std::string, Result<ReadyKernel>>;

/// The words of `holdfast run` for this run. `options` are those of the night.
std::vector<std::string> run_argv(const lab::NightJob& job, const ReadyKernels& kernels, const RunOptions& options,
                                  const std::filesystem::path& out);

/// Runs it in a process of its own below `night`, until the budget is spent or somebody asks to stop: then it gives
/// back what it has. Nothing of it goes unsaid: what has no result has a reason.
reports::DoneJob carry_out(const NightRun& run, const ReadyKernels& kernels, Program& program,
                           const RunOptions& options, const std::filesystem::path& night, lab::NightBudget& budget);

}  // namespace holdfast
