// What did the bisection find, for people and for programs?
#pragma once

#include <string>
#include <vector>

#include "harness/bisect/drive.h"

namespace holdfast::bisect {

/// 0: one commit is named. 1: the question was wrong (the bad end passes, the good one fails), or the runs did not do.
/// 2: the lab is down. 4: only commits that cannot be tested are left.
int exit_code_of(Ending ending);

/// "the first bad commit is 1234567890ab (\"subject\"), with a confidence of 99.4 %".
std::string headline(const Progressed& found);
/// The headline and all that it rests on: runs of the culprit, its parents and the reverted tip; untestable commits,
/// other failures, what it cost.
std::vector<std::string> to_text(const Progressed& found);
std::string to_json(const Progressed& found, const Task& task);

/// One line about the step that comes, and what is left: "build 1234567890ab (tells most for its cost); 3 builds and 9
/// runs so far, about 4 min left".
std::string describe(const Progressed& now, const Step& next);

/// What one tested commit was, for a report of cases.
struct CommitFinding {
  std::string commit;
  std::string subject;
  enum class Kind { kGood, kBad, kCulprit, kUntestable } kind = Kind::kGood;
  std::string told;
};
/// Of all commits that were built or tried, oldest first.
std::vector<CommitFinding> commits_of(const Progressed& found);

}  // namespace holdfast::bisect
