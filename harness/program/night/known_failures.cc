// Which failures of a plan's results are known?
#include "harness/program/night/known_failures.h"

#include <memory>
#include <tuple>

#include "harness/crash/fingerprint.h"
#include "lab/nightly/jobs.h"
#include "lab/nightly/known.h"

namespace holdfast {

std::chrono::sys_days today() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

reports::KnownFailure known_failures_of(const lab::NightPlan& plan) {
  return [rules = std::make_shared<const lab::NightPlan>(plan)](const std::string& suite, const CaseSettled& failed) {
    lab::NightFailure failure{
        .target = failed.target, .id = failed.id, .type = failed.verdict.type, .fingerprint = fingerprint_of(failed)};
    if (const auto kernels = lab::kernels_of_suite(*rules, suite)) {
      std::tie(failure.kernel, failure.next_kernel) = *kernels;
    }
    return lab::known_until(*rules, failure, today());
  };
}

}  // namespace holdfast
