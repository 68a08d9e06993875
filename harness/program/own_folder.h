// Where does a run go on that was cut off, and who else may be there?
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/file.h"
#include "harness/options.h"
#include "harness/program/program.h"
#include "reports/continuation.h"

namespace holdfast {

/// The folder of a run, kept from other runs for as long as this object lives.
struct OwnFolder {
  std::filesystem::path dir;
  FileLock lock;
  std::string run_id;
  std::optional<reports::Continuation> left = {};  ///< by a run before
};

/// A new folder in `options.out`, or the one that `options` says to go on in: made if need be, and waited for while a
/// run still lives in it, but for one that is to be resumed. `how`: as reports::take_up(). Errors: as that;
/// harness.usage when a run that is to be resumed still lives; harness.stopped.
Result<OwnFolder> open_own_folder(const RunOptions& options, reports::TakeUp how, Program& program);

/// What is left there for who only wants to know. Errors: as reports::look_up().
Result<std::optional<reports::Continuation>> look_at_folder(const RunOptions& options, reports::TakeUp how);

/// `--resume`: the settings of the run that is meant, with what this call says of itself. Errors: harness.usage for a
/// run that is not there, that did not come to its beginning, and for flags that would be other settings.
Result<RunOptions> options_of_run(const RunOptions& options, const Program& program);

}  // namespace holdfast
