// What came of a patch series, for programs?
#pragma once

#include <filesystem>
#include <string>

#include "harness/series/findings.h"
#include "reports/record.h"

namespace holdfast::reports {

/// All of a study: patches with what was found about each, every case on every kernel, and what changed where.
std::string series_json(const series::Study& study);

/// The study as the events of a run, for JUnit: a suite for the base and one for each patch, named "01 <subject>". Of
/// each, that it applies and that it builds are cases of their own.
std::vector<Event> series_events(const series::Study& study, const std::filesystem::path& folder);

/// The name of a state's suite.
std::string suite_of(const series::State& state);

}  // namespace holdfast::reports
