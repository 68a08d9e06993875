// How does a run that goes on later know what was asked for?
#pragma once

#include <string>
#include <string_view>

#include "harness/options.h"

namespace holdfast {

/// What decides about a run's cases and its report, as a JSON object: paths absolute, nothing left to the environment.
/// What one call alone is about is left out: verbosity, --dry-run, --resume and its like.
std::string to_json(const RunOptions& options);

/// Errors: harness.broken for a text that to_json() did not write.
Result<RunOptions> saved_options(std::string_view text);

}  // namespace holdfast
