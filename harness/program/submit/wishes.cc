// What do a plan or the words of the command line ask a cluster for?
#include "harness/program/submit/wishes.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/slurm/packing.h"
#include "reports/words.h"

namespace holdfast {
namespace {

/// What each run of the entry has of its budget.
std::optional<std::chrono::seconds> share_of(const lab::NightEntry& entry, const std::vector<lab::NightJob>& jobs) {
  if (!entry.budget) return std::nullopt;
  const auto runs = std::ranges::count(jobs, &entry, &lab::NightJob::entry);
  return std::max(std::chrono::seconds(1), *entry.budget / runs);
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> end_of(const lab::NightPlan& plan,
                                                            std::chrono::system_clock::time_point begun) {
  return plan.budget ? std::optional(begun + *plan.budget) : std::nullopt;
}

std::vector<Wish> wishes_of_flags(const SubmitOptions& options) {
  std::vector<Wish> wishes;
  for (const std::string& kernel : options.kernels.empty() ? std::vector<std::string>{""} : options.kernels) {
    Wish wish{.run = options.run, .prefix = fmt::format("k{}", wishes.size() + 1)};
    wish.run.kernels.kernel = kernel;
    wishes.push_back(std::move(wish));
  }
  return wishes;
}

Result<std::vector<Wish>> wishes_of_plan(const SubmitOptions& options, const lab::NightPlan& plan,
                                         const std::vector<lab::NightJob>& jobs, const ReadyKernels& kernels,
                                         const lab::Inventory& inventory, std::chrono::system_clock::time_point begun) {
  const auto profiles = profiles_of(known_machines(inventory, options.run.machine, 1));
  std::vector<Wish> wishes;
  for (const lab::NightJob& job : jobs) {
    const lab::NightEntry& entry = *job.entry;
    Wish wish{.run = options.run, .prefix = lab::slurm::license_of(job.folder()), .job = job};
    wish.time = {.end = end_of(plan, begun), .each = share_of(entry, jobs)};
    if (wish.time.end) wish.run.until.push_back(reports::iso_utc(*wish.time.end));
    if (wish.time.each) wish.run.until.push_back(fmt::format("{}s", wish.time.each->count()));
    wish.run.targets = job.targets;
    wish.run.selection = {.filter = entry.cases, .devices = entry.devices};
    wish.run.repeat = entry.repeat;
    wish.run.retry_infra = entry.retry_infra;
    wish.run.soak = entry.soak;
    wish.run.timeout_scale *= entry.timeout_scale;
    if (const Error* missing = missing_kernel(kernels, job)) {
      wish.without_kernel = TRY(planned(job, profiles));
      wish.why_not = "there is no kernel: " + missing->what;
    } else {
      wish.run.kernels = kernels_for(job, kernels, options.run.kernels);
    }
    wishes.push_back(std::move(wish));
  }
  return wishes;
}

}  // namespace holdfast
