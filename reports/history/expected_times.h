// How long will the cases of a run take, by what an earlier run knows?
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "harness/base/result.h"

namespace holdfast::reports {

/// By target and CaseId::key().
using ExpectedTimes = std::map<std::pair<std::string, std::string>, std::chrono::milliseconds>;

/// What each case of the run in that folder took, all attempts together. Empty when there is no such run, or one too
/// large to be read through for a guess.
ExpectedTimes times_of_earlier_run(const std::filesystem::path& run);

/// The same of a run that must be there: its folder, the one above it (then of its newest run), its journal or a
/// junit.xml. Errors: as read_results().
Result<ExpectedTimes> times_of_run(const std::filesystem::path& run);

/// Writes them so that times_of_run() reads them back, wherever it runs and whatever becomes of the run they are from.
Result<void> write_times(const std::filesystem::path& file, const ExpectedTimes& times);

}  // namespace holdfast::reports
