// Where does a run go on that was cut off, and who else may be there?
#include "harness/program/own_folder.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

constexpr Millis kLookAgain{1000};

/// Who takes a run to be dead may be wrong: the one that still lives ends what it has begun first.
Result<FileLock> lock_of(const std::filesystem::path& dir, Program& program) {
  bool told = false;
  while (true) {
    if (auto lock = TRY(FileLock::try_take(dir / "lock"))) return *std::move(lock);
    if (!told) program.err.line(fmt::format("waiting for the run that is still going on in {}", dir.string()));
    told = true;
    const Wake wake = wait_until(program.patience().at_most(kLookAgain));
    if (wake == Wake::kStopped) return wait_error(wake, fmt::format("the run in {}", dir.string()));
  }
}

}  // namespace

Result<OwnFolder> open_own_folder(const std::filesystem::path& dir, const Properties& same, Program& program) {
  const auto whole = std::filesystem::absolute(dir).lexically_normal();
  TRY(make_dirs(whole));
  FileLock lock = TRY(lock_of(whole, program));
  auto left = TRY(reports::take_up(whole, same));
  return OwnFolder{.dir = whole, .lock = std::move(lock), .left = std::move(left)};
}

}  // namespace holdfast
