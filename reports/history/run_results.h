// What came of a run that is over, told by the files that it left?
#pragma once

#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reports/journal.h"
#include "reports/phase_log.h"
#include "reports/record.h"

namespace holdfast::reports {

/// A junit.xml larger than this is not read: it is held as a tree. A journal is read line by line.
inline constexpr size_t kResultsLimit = size_t{256} << 20;
/// More cases than this in one run are not read.
inline constexpr size_t kMostCases = 1'000'000;

/// One run, read back. Nothing in it is trusted: text may hold anything, but all paths of attempts lead inwards.
struct RunResults {
  std::filesystem::path source;  ///< the file it was read from: journal.jsonl or junit.xml
  std::filesystem::path folder;  ///< the run's folder, which attempts' paths are relative to
  WallClock::time_point start;   ///< when it began; the epoch when that is not known
  RunRecord record;
  PhaseLog phases;

  /// "479a07", or the folder's name when the run does not say.
  std::string name() const;
  WallClock::time_point begun() const { return start; }
};

/// The absolute path of the file that is read of the run at `where`: its folder's journal.jsonl, else its junit.xml, or
/// `where` itself. Errors: harness.usage when there is no such thing.
Result<std::filesystem::path> source_of_run(const std::filesystem::path& where);

/// How a run begins.
struct RunHead {
  std::filesystem::path source;
  WallClock::time_point begun;  ///< the epoch when that is not known
  RunStarted started;
};

/// Reads the beginning of a journal, or all of another file. A run that does not say its name has its folder's. Errors:
/// as read_results.
Result<RunHead> head_of_run(const std::filesystem::path& source);

/// Tells what a source file holds, in order, without holding all of it: of a junit.xml what can be known, of a journal
/// all but what no report over runs rests on (the begin of phases, attempts and intents). Errors: as read_results.
Result<void> tell_run(const std::filesystem::path& source, const EventTaker& take);

inline constexpr size_t kAllPhases = std::numeric_limits<size_t>::max();

/// Reads one run: its folder (journal.jsonl is preferred, which tells more than junit.xml), a journal, or a JUnit file
/// of whatever program. The phases of all cases are kept, or as PhaseLog does for `enough_cases`. Errors: harness.usage
/// when there is no such thing or it holds no run; harness.broken, naming file and place, when something in it is
/// wrong. A journal that a kill has cut is read as far as it goes.
Result<RunResults> read_results(const std::filesystem::path& where, size_t enough_cases = kAllPhases);

/// The runs that paths stand for: a folder that is no run's stands for all run folders in it. Errors: harness.usage for
/// a folder without any run.
Result<std::vector<std::filesystem::path>> runs_at(const std::vector<std::filesystem::path>& paths);

/// Reads several, as runs_at() finds them. Ordered by begin, then name. Errors: as read_results and runs_at.
Result<std::vector<RunResults>> read_all_results(const std::vector<std::filesystem::path>& paths);

}  // namespace holdfast::reports
