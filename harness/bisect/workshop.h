// Who builds the kernels of a bisection and runs the case on them?
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/verdict.h"

namespace holdfast::bisect {

/// A kernel, or why there is none. `untestable` is a result, not an error: the search goes around the commit.
struct BuiltCommit {
  std::string kernel = {};    ///< what `run` takes
  std::string build_id = {};  ///< of equal kernels the same
  std::string untestable = {};
  std::vector<std::string> config_changes = {};  ///< "CONFIG_X: n -> y", against what was built before it
  double ahead_seconds = 0;                      ///< of building that went on beside runs
};

/// How one case ended.
struct CaseResult {
  std::string key;  ///< "Preserve.DeviceKeepsItsAddress/e1000e"
  Outcome outcome = Outcome::kPassed;
  std::string type = {};         ///< "kernel.oops"
  std::string fingerprint = {};  ///< of the crash, or empty
  std::string message = {};
  bool boots = true;  ///< false: the kernel's very first boot failed
};

/// Builds commits and runs cases. Errors are for what ends the search: nothing can be built or run here at all.
class Workshop {
 public:
  virtual ~Workshop() = default;
  virtual Result<BuiltCommit> build(const std::string& commit, const Deadline& deadline) = 0;
  /// `tip` with `culprit` taken back.
  virtual Result<BuiltCommit> build_without(const std::string& tip, const std::string& culprit,
                                            const Deadline& deadline) = 0;
  /// May build `commit` while the next run() goes on; build() of it then waits for the rest alone. What it began for
  /// another commit is given up.
  virtual void build_ahead(const std::string& commit) { static_cast<void>(commit); }
  /// Each case of `filter` once.
  virtual Result<std::vector<CaseResult>> run(const std::string& kernel, const std::string& filter,
                                              const Deadline& deadline) = 0;
};

}  // namespace holdfast::bisect
