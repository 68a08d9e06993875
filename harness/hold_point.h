// How can somebody outside be sure that a run stands at a given point while something happens to it?
#pragma once

#include <string_view>

#include "harness/base/deadline.h"
#include "harness/event.h"

namespace holdfast {

/// With HOLDFAST_HOLD=<Suite.Name>:<point>:<folder> in the environment, the first that comes to this point of this case
/// writes its process id to <folder>/held and waits until there is a file <folder>/released, or a stop is requested.
/// Without it nothing happens. The names of points are those of phases, and "lease", "connect", "restore", "report".
void hold_at(const CaseId& id, std::string_view point, const Stop* stop);

}  // namespace holdfast
