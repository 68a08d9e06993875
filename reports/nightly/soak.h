// What did many live updates in a row show?
#pragma once

#include <string>
#include <vector>

#include "harness/event.h"

namespace holdfast::reports {

/// A line for each figure that its last attempt told of each kernel of its boot chain, and one for the blackout. Empty
/// for a case that is no soak.
std::vector<std::string> soak_lines(const CaseSettled& settled);

}  // namespace holdfast::reports
