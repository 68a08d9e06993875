// What came of a run that is over, told by the files that it left?
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reports/journal.h"
#include "reports/phase_log.h"
#include "reports/record.h"

namespace holdfast::reports {

/// A journal or junit.xml larger than this is not read.
inline constexpr size_t kResultsLimit = size_t{256} << 20;
/// More cases than this in one run are not read.
inline constexpr size_t kMostCases = 1'000'000;

/// One run, read back. Nothing in it is trusted: text may hold anything, but all paths of attempts lead inwards.
struct RunResults {
  std::filesystem::path source;  ///< the file it was read from: journal.jsonl or junit.xml
  std::filesystem::path folder;  ///< the run's folder, which attempts' paths are relative to
  JournalEvents log;             ///< all that it told, in order; of a junit.xml what can be known
  RunRecord record;
  PhaseLog phases;

  /// "479a07", or the folder's name when the run does not say.
  std::string name() const;
  /// When it began; the epoch when that is not known.
  WallClock::time_point begun() const;
};

/// Tells `log` to a record whose clock is the log's own.
RunRecord record_of(const JournalEvents& log);

/// Reads one run: its folder (journal.jsonl is preferred, which tells more than junit.xml), a journal, or a JUnit file
/// of whatever program. Errors: harness.usage when there is no such thing or it holds no run; harness.broken, naming
/// file and place, when something in it is wrong. A journal that a kill has cut is read as far as it goes.
Result<RunResults> read_results(const std::filesystem::path& where);

/// Reads several. A folder that is no run's stands for all run folders in it. Ordered by begin, then name. Errors: as
/// read_results; harness.usage for a folder without any run.
Result<std::vector<RunResults>> read_all_results(const std::vector<std::filesystem::path>& paths);

}  // namespace holdfast::reports
