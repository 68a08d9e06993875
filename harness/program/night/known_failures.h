// Which failures of a plan's results are known?
#pragma once

#include <chrono>

#include "lab/nightly/night_plan.h"
#include "reports/nightly/night.h"

namespace holdfast {

/// UTC, as the days of a plan are.
std::chrono::sys_days today();

/// By the plan's quarantine rules, as they hold today. The plan is copied.
reports::KnownFailure known_failures_of(const lab::NightPlan& plan);

}  // namespace holdfast
