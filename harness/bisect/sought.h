// Which failure is looked for, and did this run show it?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/bisection.h"
#include "harness/bisect/workshop.h"

namespace holdfast::bisect {

/// A failure is known again by its case, its type and, where the kernel crashed, the crash's fingerprint.
struct Sought {
  std::string key;
  std::string type;
  std::string fingerprint;
  std::string message;  ///< as it was seen first; for readers
};

/// The first kernel failure among `results`, if there is one.
std::optional<Sought> first_failure(const std::vector<CaseResult>& results);

/// What a run says to the search.
struct Judged {
  Seen seen = Seen::kLab;
  std::string told;    ///< why it is no pass and not the failure sought: "kernel.oops: ..."
  bool boots = true;   ///< false: the kernel did not come up, and that is not what is looked for
  bool never = false;  ///< the plan skips the case on this kernel: no further run will tell more
};

/// Without `sought` (nothing failed yet) a pass of all that ran is a pass. Of a case that failed and passed, the
/// failure counts.
Judged judge(const std::vector<CaseResult>& results, const std::optional<Sought>& sought);

}  // namespace holdfast::bisect
