// What came of each patch of a series, and of its base?
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/series/apply.h"
#include "harness/series/checkpatch.h"
#include "harness/series/posted.h"
#include "harness/series/workshop.h"
#include "harness/verdict.h"

namespace holdfast::series {

/// What one case came to on one kernel, all runs together.
struct Cell {
  std::vector<Verdict> runs;
  std::vector<std::string> fingerprints;  ///< of crashes, one for each run; empty where it was none
  Verdict verdict() const { return settle(runs); }
};

/// The base (number 0) or a patch with all those before it.
struct State {
  enum class Stage {
    kLeftOut,     ///< not built: only the tip was asked for
    kTested,      ///< the cases ran, or the kernel is one that they ran on
    kMissing,     ///< nobody posted it
    kNotApplied,  ///< it does not apply
    kNotTried,    ///< one before it is missing or does not apply
    kNotBuilt,    ///< it does not compile
  };
  int number = 0;
  std::string subject;
  std::string commit = {};
  Stage stage = Stage::kLeftOut;
  std::string told = {};  ///< why it was not tested, in a sentence
  std::string said = {};  ///< what git or the compiler printed then
  std::string note = {};  ///< about how it applies
  StyleCheck style = {};
  std::vector<Warning> warnings = {};  ///< that came with it
  int compared_with = -1;              ///< the state before it that was built; -1: none was, so none is known to be new
  std::string kernel = {};
  std::string build_id = {};
  std::string identity = {};
  int same_as = -1;  ///< the number of an earlier one with the same kernel: nothing ran for this one
  std::chrono::milliseconds build_took{0};
  std::chrono::milliseconds run_took{0};
  std::map<std::string, Cell> cells = {};  ///< by case
  std::filesystem::path run_folder = {};   ///< empty: nothing ran

  bool tested() const { return stage == Stage::kTested; }
};

/// All that is found out. States in order: the base, patch 1...
struct Study {
  std::string title;
  std::string version;
  std::string base;  ///< commit
  std::vector<std::string> notes;
  std::vector<State> states;
  std::map<std::string, std::string> levels = {};  ///< which level a case needs, by case

  /// Patches, missing ones among them.
  int total() const { return static_cast<int>(states.size()) - 1; }
  /// "base", "2/3".
  std::string name_of(int number) const;
  /// As above, with the subject.
  std::string title_of(int number) const;
};

struct StudySettings {
  std::string filter = "*";
  bool tip_only = false;  ///< builds and runs base and tip alone
  int confirm = 1;        ///< how often a case that fails anew is run again, there and on the kernel before
};

/// Told when something is done, for people to read while the rest goes on.
using Tell = std::function<void(const std::string&)>;

/// Applies all patches and has checkpatch look at them. Where one is missing or does not apply, those behind it are not
/// tried. Errors: lab.git, harness.stopped.
Result<Study> apply_all(const WorkTree& tree, const PostedSeries& posted, const std::string& base,
                        const std::string& base_subject, const Deadline& deadline, const Tell& tell);

/// Builds and runs what applies. A kernel that is the same as an earlier one runs nothing; what is known of that one
/// holds for it. A case that passed on the state before and fails now is run again on both, so that one which fails
/// only sometimes is not taken for broken. `study` has what is known so far also when this ends with an error.
/// Errors: those of the workshop.
Result<void> test_all(Study& study, Workshop& workshop, const StudySettings& settings, const Deadline& deadline,
                      const Tell& tell);

}  // namespace holdfast::series
