// How does KernelCI's database take what came of a run?
#pragma once

#include <string>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// What the run itself does not know about its place in KernelCI.
struct KcidbOptions {
  std::string origin;         ///< the submitting system: lower case letters, digits and '_'
  std::string build_id;       ///< the build there that was tested ("origin:id"); empty: builds are submitted too
  std::string artifacts_url;  ///< where the run's folder can be fetched from; empty: no links
};

/// The run as KCIDB JSON: a test per case and, unless options.build_id names one, a checkout and a build per suite.
/// A kernel failure is FAIL, a lab error MISS (the test did not run), a harness error ERROR. Errors: harness.usage for
/// an option that the schema does not allow.
/// Source: kcidb-io's schema, version 5.3.
Result<std::string> kcidb_json(const RunResults& run, const KcidbOptions& options);

}  // namespace holdfast::reports
