// A fault struck: did the run do what is right?
//
// The verdict and who is blamed; the exit code that goes with it; the deadline; the evidence; nothing left; and that
// the next case passes. A fault of the output folder takes the evidence with it: then the run must say so itself.
#include "tools/faults_matrix/judge.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::faults {
namespace {

bool takes_the_folder(Fault fault) { return fault == Fault::kDiskFull || fault == Fault::kFolderRemoved; }

/// A settled case is in the report whatever comes then.
bool is_settled_before(const Combination& combination) { return combination.phase == "report"; }

std::string_view right_verdicts(const Combination& combination) {
  const bool ends = combination.fault == Fault::kTerminated || combination.fault == Fault::kKilled;
  if (combination.fault == Fault::kTerminated && is_settled_before(combination)) return "passed";
  if (ends) return "absent";
  return row_of(combination.fault).verdicts;
}

std::string wrong_exit(const Combination& combination, const Observation& seen) {
  if (combination.fault == Fault::kKilled) {
    if (seen.status.signal == SIGKILL) return {};
    return fmt::format("it was to die by SIGKILL, but: {}", seen.status.describe());
  }
  int wanted = seen.verdict == "passed" ? 0 : 2;
  if (combination.fault == Fault::kTerminated) wanted = 130;
  // A report that could not be written is no success, whatever the case's verdict.
  if (takes_the_folder(combination.fault)) wanted = 2;
  if (seen.status.signal == 0 && seen.status.code == wanted) return {};
  return fmt::format("exit code {} was right, but: {}", wanted, seen.status.describe());
}

void look_at_evidence(const Combination& combination, const Observation& seen, std::vector<std::string>& wrong) {
  if (takes_the_folder(combination.fault)) {
    const bool said =
        seen.output.find(combination.fault == Fault::kDiskFull ? "ENOSPC" : "ENOENT") != std::string::npos;
    if (!said) wrong.emplace_back("the run does not say that its output could not be written, and why");
    return;
  }
  if (!seen.journal_sound) wrong.emplace_back("the journal cannot be read");
  if (!seen.journal_tells) wrong.emplace_back("the journal does not tell of the case");
  const bool may_lack_report = combination.fault == Fault::kKilled || combination.fault == Fault::kNoMemory ||
                               combination.fault == Fault::kNoDescriptors;
  if (!seen.report_sound && !may_lack_report) wrong.emplace_back("junit.xml is not there or not well-formed");
  if (seen.verdict.starts_with("error") && !seen.explained)
    wrong.emplace_back("the verdict has no message or evidence");
  // A machine that has just been switched on has said nothing yet.
  const bool machine = combination.phase != "lease" && combination.phase != "boot" && combination.phase != "connect";
  if (machine && row_of(combination.fault).of_machine && !seen.console_kept) wrong.emplace_back("no console was kept");
}

}  // namespace

bool is_one_of(std::string_view patterns, std::string_view verdict) {
  const auto all = split(patterns, '|');
  return std::ranges::any_of(all, [&](std::string_view one) { return glob_match(one, verdict); });
}

std::vector<std::string> complaints(const Combination& combination, const Observation& seen) {
  if (!seen.trouble.empty()) return {fmt::format("nothing was proved: {}", seen.trouble)};
  std::vector<std::string> wrong;
  if (seen.timed_out || seen.took > seen.limit) {
    wrong.push_back(fmt::format("it took {} ms{}, and {} were allowed", seen.took.count(),
                                seen.timed_out ? " and had to be killed" : "", seen.limit.count()));
  }
  const std::string_view right = right_verdicts(combination);
  if (!is_one_of(right, seen.verdict))
    wrong.push_back(fmt::format("\"{}\" was right, not \"{}\"", right, seen.verdict));
  if (const std::string exit = wrong_exit(combination, seen); !exit.empty() && !seen.timed_out) wrong.push_back(exit);
  look_at_evidence(combination, seen, wrong);
  for (const std::string& one : seen.left) wrong.push_back(fmt::format("left behind: {}", one));
  if (seen.next != "passed") wrong.push_back(fmt::format("the next case was to pass, but: {}", seen.next));
  return wrong;
}

}  // namespace holdfast::faults
