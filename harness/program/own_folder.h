// Where does a run go on that was cut off, and who else may be there?
#pragma once

#include <filesystem>
#include <optional>

#include "harness/base/file.h"
#include "harness/program/program.h"
#include "reports/continuation.h"

namespace holdfast {

/// A run's folder that was named by the user, kept from other runs for as long as this object lives.
struct OwnFolder {
  std::filesystem::path dir;
  FileLock lock;
  std::optional<reports::Continuation> left;  ///< by a run before
};

/// Makes the folder if need be, and waits for a run that still lives in it. `same`: as reports::take_up(). Errors: as
/// that; harness.stopped.
Result<OwnFolder> open_own_folder(const std::filesystem::path& dir, const Properties& same, Program& program);

}  // namespace holdfast
