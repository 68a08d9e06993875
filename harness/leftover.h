// What did a run leave behind that died, and how is it got rid of?
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast {

/// One thing that holdfast made, and whose maker is dead: found by looking, with nothing touched.
struct Leftover {
  std::string what;   ///< "QEMU process 4711, machine holdfast-qemu"
  std::string whose;  ///< "of process 4700, which is gone"
  std::string done;   ///< what clean() comes to: "ended", "removed", "given back"
  /// Looks again whether it still is what it was, and only then does it. Empty: it stays, and `done` says what for.
  std::function<Result<void>(const Deadline&)> clean;
};

/// Heading and a row for each, with what was done, in order. `dry_run`: nothing is, and the rows say what would be.
/// Gives also whether all could be done.
struct Cleaning {
  std::vector<std::vector<std::string>> rows;
  bool complete = true;
};
Cleaning clean_up(const std::vector<Leftover>& leftovers, bool dry_run, const Deadline& deadline);

}  // namespace holdfast
