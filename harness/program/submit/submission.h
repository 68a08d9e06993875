// Which jobs of a cluster does a choice of kernels, targets and cases come to?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/program/program.h"
#include "harness/program/run_targets.h"
#include "harness/program/submit/wishes.h"
#include "lab/inventory/inventory.h"
#include "lab/slurm/job.h"
#include "lab/slurm/packing.h"
#include "reports/history/expected_times.h"
#include "reports/submission.h"

namespace holdfast {

/// One array of tasks.
struct TaskArray {
  lab::slurm::Job job;
  std::filesystem::path folder;
  std::vector<reports::ExpectedCase> expected;
  Properties kernels;  ///< which it is about
  int to_run = 0;      ///< 0: nothing, all of it has its result, and there is no job
  std::string host;    ///< whose licence it takes, or empty
};

/// What a submission stands on. All outlive it.
struct SubmissionGround {
  const lab::Inventory& inventory;
  const OtherKernels& others;
  const reports::ExpectedTimes& times;
  std::filesystem::path dir;
  std::filesystem::path times_file;  ///< where the tasks read `times`
  int tasks = 0;                     ///< of each array, or 0
};

/// The arrays for what `wish` would run: one for each size of virtual machines, and one for each host; without its
/// kernel one that no job is made of. Errors: those of `run` for the same choice; harness.usage for a machine with
/// devices of this computer, which no other computer has.
Result<std::vector<TaskArray>> arrays_for(const Wish& wish, const SubmissionGround& ground, const Deadline& deadline);

}  // namespace holdfast
