// Who builds the kernels of a series and runs the cases on them?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/bisect/workshop.h"
#include "harness/kernel/warnings.h"

namespace holdfast::series {

/// A kernel, or why there is none.
struct BuiltState {
  std::string kernel = {};  ///< what `run` takes; empty: it does not build
  std::string build_id = {};
  std::string identity = {};           ///< of kernels whose every byte is the same, the same
  std::vector<Warning> warnings = {};  ///< all that this kernel's objects were compiled with
  std::string untestable = {};
  std::string errors = {};  ///< the first lines that say what is wrong
};

/// What one run of cases left.
struct CaseRun {
  std::vector<bisect::CaseResult> results;
  std::filesystem::path folder;  ///< of the run
};

/// Builds commits and runs cases. Errors are for what ends the work: nothing can be built or run here at all.
class Workshop {
 public:
  virtual ~Workshop() = default;
  virtual Result<BuiltState> build(const std::string& commit, const Deadline& deadline) = 0;
  /// Each case of `filter` once.
  virtual Result<CaseRun> run(const std::string& kernel, const std::string& filter, const Deadline& deadline) = 0;
};

}  // namespace holdfast::series
