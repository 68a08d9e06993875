// Which runs does the plan of a night come to?
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/plan.h"
#include "lab/nightly/night_plan.h"

namespace holdfast::lab {

/// One run: the cases of an entry, with one kernel and one next kernel, on all machines that the entry means.
struct NightJob {
  const NightEntry* entry = nullptr;         ///< of the plan, which must outlive it
  const NightKernel* kernel = nullptr;       ///< likewise; null: what the machines run without a plan
  const NightKernel* next_kernel = nullptr;  ///< likewise; null: the same as `kernel`
  std::vector<std::string> targets = {};     ///< at least one

  /// "mainline..stock", the same from night to night.
  std::string kernels() const;
  /// "smoke mainline..stock": unique in a plan.
  std::string name() const;
  /// The same as a folder's name.
  std::string folder() const;
  /// What the results of the job on `target` are kept under: "n07/mainline..stock smoke".
  std::string suite(const std::string& target) const;
};

/// The names of the kernels that a suite of the plan's results is about, as NightJob::suite() or "kernels/<name>" has
/// them; nothing when it is none, or about kernels that the plan does not name.
std::optional<std::pair<std::string, std::string>> kernels_of_suite(const NightPlan& plan, const std::string& suite);

/// In the order of the plan: entry by entry, then kernel by kernel, then next kernel by next kernel. `targets` are all
/// that there are, `usual` the names of those that an entry without hosts means. Errors: harness.usage at its place for
/// a host or tag that no target has, with the nearest.
Result<std::vector<NightJob>> jobs_of(const NightPlan& plan, const std::vector<TargetProfile>& targets,
                                      const std::vector<std::string>& usual);

}  // namespace holdfast::lab
