// Which of the nights that are over may go?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// 0: no limit of that kind. With both, a night stays that is within either.
struct KeepNights {
  int newest = 0;
  int days = 0;
};

/// Folders of `nights` (all of one plan, the newest first) that are within no limit. Never the newest; never the newest
/// in which all was well; and never one in which a case that the newest knows passed for the last time: those are what
/// a regression is compared with.
std::vector<std::filesystem::path> nights_to_remove(const std::vector<RunResults>& nights, const KeepNights& keep,
                                                    WallClock::time_point now);

/// Removes a run's folder. Touches nothing that is not one: a folder, no symlink, with a run's name, and in it the
/// journal and manifest of a run that has ended. Errors: harness.not-a-run; lab.io.
Result<void> remove_run_folder(const std::filesystem::path& folder);

/// Goes on with removals that were interrupted.
void finish_removals(const std::filesystem::path& out);

}  // namespace holdfast::reports
