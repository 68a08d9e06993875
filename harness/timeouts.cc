// How long may each phase take?
#include "harness/timeouts.h"

#include <algorithm>

namespace holdfast {

std::string_view to_string(Phase phase) { return std::ranges::find(kPhaseLimits, phase, &PhaseLimit::phase)->name; }

Millis limit_of(Phase phase) { return std::ranges::find(kPhaseLimits, phase, &PhaseLimit::phase)->limit; }

std::optional<Phase> phase_from(std::string_view name) {
  const auto* found = std::ranges::find(kPhaseLimits, name, &PhaseLimit::name);
  if (found == kPhaseLimits.end()) return std::nullopt;
  return found->phase;
}

}  // namespace holdfast
