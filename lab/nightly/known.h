// Is this failure known, and may it pass today?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/event.h"
#include "lab/nightly/night_plan.h"

namespace holdfast::lab {

/// A failure of a night.
struct NightFailure {
  std::string target;
  CaseId id;
  std::string type = {};         ///< "kernel.oops"
  std::string fingerprint = {};  ///< of the crash, or empty
  std::string kernel = {};       ///< the plan's names
  std::string next_kernel = {};
};

/// "until 2031-05-17 (the reason)" of the first rule that lets it pass; nothing when none does on that day, UTC.
std::optional<std::string> known_until(const NightPlan& plan, const NightFailure& failure, std::chrono::sys_days today);

/// A sentence for each rule that has expired.
std::vector<std::string> expired_rules(const NightPlan& plan, std::chrono::sys_days today);

}  // namespace holdfast::lab
