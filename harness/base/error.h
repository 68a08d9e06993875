// Who must act when something went wrong, and what do they need to know?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// Who must act. The order is that of precedence when several things went wrong in one case:
/// a lab or harness error means that the kernel was not judged at all.
enum class Blame { kKernel, kLab, kHarness, kPlan };

std::string_view to_string(Blame blame);

/// A piece of text that lets a reader check the verdict: a console tail, an argv, a register dump.
struct Evidence {
  std::string name;
  std::string text;
};

/// A failure of the outside world, as a value.
///
/// `kind` is the part after the dot in a report's type ("kernel.hang" has kind "hang"): lower case, stable.
/// `what` is one sentence: what was attempted, on what, and what came of it. `hint` says what to do next, or is empty.
/// `errnum` is the errno that the kernel answered with, or 0.
struct Error {
  Blame blame = Blame::kHarness;
  std::string kind;
  std::string what;
  std::string hint;
  int errnum = 0;
  std::vector<Evidence> evidence;

  /// "kernel.hang", as in the `type` attribute of a JUnit failure.
  std::string type() const;

  Error with(std::string name, std::string text) &&;
  Error because(std::string hint_text) &&;
  /// Puts `context: ` in front of `what`.
  Error in(std::string_view context) &&;
};

/// An error from errno `errnum` of the harness's own machine: blame is lab, "open /x: Permission denied".
Error system_error(std::string_view attempted, int errnum);

Error lab_error(std::string kind, std::string what);
Error kernel_error(std::string kind, std::string what);
Error harness_error(std::string kind, std::string what);
/// What the user asked for cannot be done as asked: wrong flag, name or file. `kind` is "usage".
Error usage_error(std::string what);
/// The target, kernel or device cannot do this: the case is skipped with this reason.
Error cannot(std::string reason);

}  // namespace holdfast
