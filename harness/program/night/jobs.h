// How is one run of a night carried out, and what becomes of what did not fit?
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/options.h"
#include "harness/program/machines.h"
#include "harness/program/night/kernels.h"
#include "harness/program/program.h"
#include "lab/nightly/budget.h"
#include "lab/nightly/jobs.h"
#include "lab/nightly/schedule.h"
#include "reports/nightly/night.h"

namespace holdfast {

/// A run of the night with the cases that it comes to.
struct NightRun {
  lab::NightJob job;
  Plan plan;
  lab::NightClaim claim = {};
};

/// What the kernels of the plan came to, by name.
using ReadyKernels = std::map<std::string, Result<ReadyKernel>>;

/// With the job's cases whatever the kernels will be: what a kernel cannot do is found out by the run itself. `all`:
/// the targets that there are. Errors: harness.usage, at its place in the plan's file.
Result<NightRun> planned(const lab::NightJob& job, const std::vector<TargetProfile>& all);

/// The kernel of the job that is not there, and why; nothing when both are.
const Error* missing_kernel(const ReadyKernels& kernels, const lab::NightJob& job);

/// The user's choice with the job's kernels in it. They are there.
KernelOptions kernels_for(const lab::NightJob& job, const ReadyKernels& kernels, KernelOptions chosen);

/// What a run takes: its hosts, and of this computer as much as its cases fill at once. Machines that are given devices
/// of this computer count as one host, since one may need what belongs to another's; the runs of an entry with a budget
/// as well, so that they have it one after another.
lab::NightClaim claim_of(const NightRun& run, const std::vector<Machine>& machines);

/// The words of `holdfast run` for this run. `options` are those of the night.
std::vector<std::string> run_argv(const lab::NightJob& job, const ReadyKernels& kernels, const RunOptions& options,
                                  const std::filesystem::path& out);

/// Runs it in a process of its own below `night`, until the budget is spent or somebody asks to stop: then it gives
/// back what it has. Several may go on at once, each in a thread of its own. Nothing of it goes unsaid: what has no
/// result has a reason.
reports::DoneJob carry_out(const NightRun& run, const ReadyKernels& kernels, const Program& program,
                           const RunOptions& options, const std::filesystem::path& night, lab::NightBudget& budget);

}  // namespace holdfast
