// How long will the cases of a run take, by what an earlier run knows?
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace holdfast::reports {

/// By target and CaseId::key().
using ExpectedTimes = std::map<std::pair<std::string, std::string>, std::chrono::milliseconds>;

/// What each case of the run in that folder took, all attempts together. Empty when there is no such run, or one too
/// large to be read through for a guess.
ExpectedTimes times_of_earlier_run(const std::filesystem::path& run);

}  // namespace holdfast::reports
