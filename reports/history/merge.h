// How do several runs become one report?
#pragma once

#include <vector>

#include "reports/history/run_results.h"

namespace holdfast::reports {

/// The runs' events as those of one run, for any consumer. Runs are taken in the order of their begin, whatever the
/// order given.
///
/// A case that several runs have in the same suite (target and kernels) is one case: its attempts are put together in
/// that order, numbered on, and settled anew as if one run had made them all. So a pass and a failure make it flaky, an
/// error is forgiven by a later attempt that was judged, and a skip counts only when no run tried.
///
/// Facts about a suite that differ are those of the last run. Paths of attempts are made relative to the deepest folder
/// that holds all the runs, which is the merged run's own. It was interrupted when one of them was, or did not end.
JournalEvents merged(std::vector<const RunResults*> runs);

}  // namespace holdfast::reports
