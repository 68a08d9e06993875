// What do a plan or the words of the command line ask a cluster for?
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/program/night/jobs.h"
#include "harness/program/program.h"
#include "lab/nightly/night_plan.h"

namespace holdfast {

/// Until when a submission has time, and how long each task.
struct TimeLimits {
  std::optional<std::chrono::system_clock::time_point> end = {};  ///< of the whole
  std::optional<std::chrono::seconds> each = {};                  ///< of a task, from its begin
};

/// What one run would do, to be made jobs of.
struct Wish {
  RunOptions run;
  std::string prefix;                     ///< tells its jobs from those of others
  std::optional<lab::NightJob> job = {};  ///< of a plan, which must outlive it
  TimeLimits time = {};
  std::optional<NightRun> without_kernel = {};  ///< its kernel is not there: all of it is skipped, because of:
  std::string why_not = {};
};

/// One for each of `options.kernels`.
std::vector<Wish> wishes_of_flags(const SubmitOptions& options);

/// One for each run of the plan, with kernels that are there already. Its time counts from `begun`. The budget of an
/// entry is shared evenly by its runs, since their tasks cannot know of each other. Errors: as the plan's own.
Result<std::vector<Wish>> wishes_of_plan(const SubmitOptions& options, const lab::NightPlan& plan,
                                         const std::vector<lab::NightJob>& jobs, const ReadyKernels& kernels,
                                         const lab::Inventory& inventory, std::chrono::system_clock::time_point begun);

/// When the plan's whole budget is used up.
std::optional<std::chrono::system_clock::time_point> end_of(const lab::NightPlan& plan,
                                                            std::chrono::system_clock::time_point begun);

}  // namespace holdfast
