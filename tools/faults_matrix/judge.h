// A fault struck: did the run do what is right?
#pragma once

#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/process.h"
#include "tools/faults_matrix/matrix.h"

namespace holdfast::faults {

/// What was seen of a run with a fault, and of what came after it.
struct Observation {
  std::string trouble;         ///< why nothing was proved: the phase was never reached, the fault could not be made
  ExitStatus status;           ///< of the run
  bool timed_out = false;      ///< it had to be killed
  Millis took{0};              ///< from the fault to the end of the run
  Millis limit{0};             ///< what that may be
  std::string verdict;         ///< of the case: "passed", "error lab.link", "absent"
  std::string next;            ///< of the next case: "passed"
  std::string output;          ///< what the run said on stdout and stderr
  bool explained = false;      ///< the verdict has a message and evidence
  bool console_kept = false;   ///< a console.log is there and not empty
  bool journal_sound = false;  ///< each line of it is whole, the last one excepted
  bool journal_tells = false;  ///< that the case began
  bool report_sound = false;   ///< junit.xml is well-formed
  std::vector<std::string> left = {};  ///< processes, sockets, mounts, temporary files
};

/// What is wrong, one sentence each; empty: the fault was borne.
std::vector<std::string> complaints(const Combination& combination, const Observation& seen);

/// Whether one of the patterns, with | between, matches.
bool is_one_of(std::string_view patterns, std::string_view verdict);

}  // namespace holdfast::faults
