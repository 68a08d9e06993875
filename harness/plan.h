// What will run where, and what cannot, and why? Decided before anything is touched.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/case_registry.h"
#include "harness/kernel/kernel_image.h"
#include "harness/level.h"

namespace holdfast {

/// The kernels that are there. One whose configuration is not known is taken to offer everything.
struct PlanKernels {
  KernelImage a;
  KernelImage b;
  OtherKernels others = {};
};

/// A target as far as the plan needs to know it.
struct TargetProfile {
  std::string name;
  std::vector<Device> devices;                      ///< of all machines that it can be made into
  std::vector<std::string> traits;                  ///< "emulated", "bus-numbers-can-move", "hot-plug"
  int slots = 1;                                    ///< how many cases may run on it at once
  std::shared_ptr<const PlanKernels> kernels = {};  ///< its own, shared by targets with the same; none: the run's
};

/// What the user selected.
struct Selection {
  std::string filter = "*";               ///< GoogleTest's form: patterns joined by ':', those after '-' are left out
  std::vector<std::string> devices = {};  ///< roles or BDFs; empty: as the cases wish
};

/// One case on one target, placed or skipped.
struct PlannedCase {
  std::string target;
  const CaseInfo* info = nullptr;
  CaseId id;
  std::vector<Device> devices;
  std::string skip_reason;  ///< empty: it runs
};

struct Plan {
  std::vector<PlannedCase> cases;
  int to_run() const;
  int to_skip() const;
};

/// True when `filter` selects `full_name` ("Suite.Name"); a pattern may also name the device: "Suite.Name/role".
bool filter_selects(const std::string& filter, const CaseId& id);

/// Errors: harness.usage for a filter without wildcards that names no case, a device that no target has; each with the
/// nearest name.
Result<Plan> make_plan(const std::vector<CaseInfo>& cases, const std::vector<TargetProfile>& targets,
                       const Selection& selection, const PlanKernels& kernels);

/// Whether a case that was planned for another target can run on this one as it was planned: the same roles, with what
/// the case needs of devices and target.
bool can_take(const TargetProfile& target, const PlannedCase& planned);

/// Why `kernel` cannot offer `level`: names the first option that is missing. Nothing when it can, or cannot be told.
std::optional<std::string> missing_for(Level level, const KernelImage& kernel);
/// The first of `symbols` that `kernel` was built without.
std::optional<SymbolNeed> first_missing(const std::vector<SymbolNeed>& symbols, const KernelImage& kernel);

}  // namespace holdfast
