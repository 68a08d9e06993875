// What came of a case, who must act, and what does the program's exit code say?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace holdfast {

enum class Outcome { kPassed, kFailed, kError, kSkipped, kFlaky };

std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view text);

/// The judgement on one attempt at a case, or on all attempts together.
struct Verdict {
  Outcome outcome = Outcome::kPassed;
  std::string type;     ///< "kernel.hang", "lab.vm-killed"; empty for passed; "plan.…" for skipped
  std::string message;  ///< one sentence; the reason of a skip
  std::string hint;     ///< what to do next, or empty
  std::vector<Evidence> evidence;

  static Verdict passed() { return {}; }
  /// kFailed, kError or kSkipped, as the error's blame says.
  static Verdict from(const Error& error);
};

/// All attempts at one case, in order, made one verdict. A failed and a passed attempt make a flaky case, which counts
/// as failed; an infra error is forgiven by a later attempt that was judged.
Verdict settle(const std::vector<Verdict>& attempts);

/// How many cases ended in which way.
struct Tally {
  int passed = 0;
  int failed = 0;  ///< kernel failures, flaky ones among them
  int errors = 0;
  int skipped = 0;
  void add(Outcome outcome);
  int total() const { return passed + failed + errors + skipped; }
};

/// 0 passed, 1 a kernel failure, 2 lab or harness error, 3 nothing ran, 4 everything skipped, 130 interrupted.
/// A kernel failure outranks an error: it is a finding, whatever else went wrong.
int exit_code(const Tally& tally, bool interrupted);

inline constexpr int kExitUsage = 2;

/// Of what did not run because there was no time left for it.
inline constexpr const char* kOutOfTimeType = "plan.budget";

}  // namespace holdfast
