// Can a run start here, and what must be done so that it can?
#pragma once

#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/case_registry.h"
#include "harness/kernel/kernel_image.h"

namespace holdfast {

/// One thing that was looked at.
struct Finding {
  enum class State { kGood, kLimits, kMissing };  ///< kLimits: a run works, but some cases will be skipped or slow
  State state = State::kGood;
  std::string about;
  std::string what;
  std::string mend;  ///< the command that mends it; empty when good
};

/// True when nothing is missing.
bool ready(const std::vector<Finding>& findings);

/// The kernel, or the error that it was not found with: is it there, and which levels does it offer?
Finding check_kernel(const std::string& about, const Result<KernelImage>& kernel);

/// The kernels beside A and B that cases want: which of those cases will be skipped, and why?
std::vector<Finding> check_other_kernels(const std::vector<CaseInfo>& cases, const OtherKernels& there,
                                         const KernelImage& kernel_a);

/// A program in PATH.
Finding check_program(const std::string& program, const std::string& purpose, const std::string& mend);

/// Heading and a row for each finding.
std::vector<std::vector<std::string>> to_rows(const std::string& target, const std::vector<Finding>& findings);

}  // namespace holdfast
