// What broke at which patch, what was repaired, and what does the series change against its base?
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/series/study.h"

namespace holdfast::series {

/// How one case changed from the state on which it was judged before to another one.
struct Change {
  enum class Kind {
    kAppears,         ///< skipped before, passes now
    kFailsAtOnce,     ///< skipped before, fails where it first runs
    kBroke,           ///< passed before, fails now
    kRepaired,        ///< failed before, passes now
    kFailsOtherwise,  ///< fails as before, but in another way
    kUnsteady,        ///< passed before, now both passes and fails
    kLost,            ///< ran before, is skipped now
  };
  Kind kind = Kind::kAppears;
  std::string key;
  int from = 0;             ///< the state on which it was last judged
  int at = 0;               ///< the first one that is different
  int since = 0;            ///< of one that broke: the state since which it had passed
  int repaired = -1;        ///< of one that broke or failed at once: the later state since which it passes; -1: none
  Verdict verdict;          ///< now
  std::string before = {};  ///< type of the failure before, where it failed

  /// A patch between `from` and `at` that was not tested may be the one as well.
  bool certain() const { return at == from + 1; }
};

/// Is this a fault that the series has, be it repaired later or not?
bool is_fault(Change::Kind kind);

/// In the order of the patches, and of the cases' names.
std::vector<Change> changes_of(const Study& study);

/// A level whose cases were all skipped before a patch, and run from there on.
struct LevelNews {
  std::string level;
  int at = 0;
  int passed = 0;
  int failed = 0;  ///< failed or unsteady
};
std::vector<LevelNews> levels_of(const Study& study);

/// A case as the base and the last tested state have it.
struct NetChange {
  std::string key;
  Outcome before = Outcome::kSkipped;
  Verdict after;
};
/// Only what is different; what one of the two could not judge is left out.
std::vector<NetChange> net_changes(const Study& study);
/// The last state on which cases ran; -1: none.
int last_tested(const Study& study);

/// Of one state.
Tally tally_of(const State& state);

/// The whole in one sentence: "2 of 3 patches are sound; 2/3 breaks 1 case, which 3/3 repairs".
std::string headline(const Study& study);

/// 1: a patch does not apply, a state does not build, or a case failed on one. 2: a patch is missing, or the lab or
/// harness kept cases from being judged. 3: no case ran. 4: all were skipped.
int exit_code_of(const Study& study);

}  // namespace holdfast::series
