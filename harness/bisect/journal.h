// What has a bisection done so far, so that a killed one can go on?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/base/fd.h"
#include "harness/bisect/bisection.h"
#include "harness/bisect/sought.h"

namespace holdfast::bisect {

/// What the search is about. A journal of another one is not gone on with.
struct Task {
  std::string tree;
  std::string good;  ///< commit ids
  std::string bad;
  std::string filter;
  bool operator==(const Task&) const = default;
};

/// A kernel was built, or could not be. `without`: it is the bad end without `commit`.
struct BuildEntry {
  std::string commit;
  bool without = false;
  BuiltCommit built = {};
  double seconds = 0;
};
struct RunEntry {
  std::string commit;
  bool without = false;
  Judged judged = {};
  double seconds = 0;
};
using Entry = std::variant<Task, Sought, BuildEntry, RunEntry>;

/// Appends each entry as a line of JSON and syncs it. Move-only.
class Journal {
 public:
  /// Creates the file, or with `go_on` appends to it. Errors: lab.io.
  static Result<Journal> open(const std::filesystem::path& file, bool go_on);
  Result<void> add(const Entry& entry);

 private:
  explicit Journal(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// A last line that was cut by a kill is left out. Errors: lab.io; harness.usage naming the line that is no entry.
Result<std::vector<Entry>> read_journal(const std::filesystem::path& file);

}  // namespace holdfast::bisect
