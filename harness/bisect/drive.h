// How is a bisection carried out, step by step, with a journal of all it did?
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/journal.h"

namespace holdfast::bisect {

struct DriveSettings {
  Settings search;
  Task task;
  std::filesystem::path journal;
  bool resume = false;
};

/// What the search did and spent.
struct Spent {
  int builds = 0;
  double build_seconds = 0;  ///< that the search waited for
  int builds_ahead = 0;      ///< of these, begun while cases ran
  double ahead_seconds = 0;  ///< of building beside running cases
  int runs = 0;
  double run_seconds = 0;
  double seconds() const { return build_seconds + run_seconds; }
};

/// A search that is under way, or over.
struct Progressed {
  Bisection bisection;
  std::optional<Sought> sought = {};
  Spent spent = {};
  std::map<std::string, std::string> kernels = {};                  ///< by commit
  std::string without_kernel = {};                                  ///< of the bad end without the culprit
  std::map<std::string, std::vector<std::string>> other_told = {};  ///< by commit: what else went wrong there
  /// By commit: how its configuration differs from that of the step before.
  std::map<std::string, std::vector<std::string>> config_changes = {};
};

/// Called after each step and before the next; for the terminal.
using Show = std::function<void(const Progressed& now, const Step& next)>;

/// Does step after step until the search is over. Each result stands in the journal before the next step begins; with
/// `resume` those that stand there are taken from it. Errors: what the workshop cannot go on from, harness.stopped; the
/// journal then holds all that was found out.
Result<Progressed> drive(const History& history, const DriveSettings& settings, Workshop& workshop,
                         const Deadline& deadline, const Show& show);

}  // namespace holdfast::bisect
