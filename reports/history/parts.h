// Do these runs make a whole, and are they about the same kernels?
#pragma once

#include <string>
#include <vector>

#include "reports/history/merge.h"

namespace holdfast::reports {

// Properties of a run that is a shard.
inline constexpr const char* kShard = "shard";
inline constexpr const char* kDeal = "shard.deal";

/// Makes runs ready to be merged. Gives a sentence for each shard that is missing.
///
/// Shards: those of one deal (the same targets, kernels and number of shards) must have dealt the same cards, else a
/// case may be in none of them. What says of a run which part it was is taken out of it.
///
/// Kernels: a suite is named after releases, and two builds may have the same one. Where runs have a suite of one name
/// and other build-ids, the build-ids become part of its name, so that the pass of one kernel and the failure of
/// another make no flaky case.
///
/// Errors: harness.usage for shards that were dealt differently; as tell_run.
Result<std::vector<std::string>> fit_together(std::vector<MergeSource>& runs);

}  // namespace holdfast::reports
