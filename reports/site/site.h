// How do people see what came of all runs, night by night, host by host, case by case?
#pragma once

#include <filesystem>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// More runs than these are not shown, the oldest left out.
inline constexpr size_t kMostSiteRuns = 200;

/// Writes index.html, trend.html, and a page for each host and each case into `folder`, which is made if need be. All
/// of it is static, loads nothing and needs no network; links lead to the runs' own pages where these lie. `runs` are
/// ordered by begin. What an earlier call has written there and no run knows any more is removed. Errors: lab.io.
Result<void> write_site(const std::vector<RunResults>& runs, const std::filesystem::path& folder);

}  // namespace holdfast::reports
