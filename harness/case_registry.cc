// Which cases are there, and what does each need?
#include "harness/case_registry.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holdfast {
namespace {

std::vector<CaseInfo>& registry() {
  static std::vector<CaseInfo> cases;  // not a global: cases register themselves from other files' initialisers
  return cases;
}

}  // namespace

const std::vector<CaseInfo>& all_cases() { return registry(); }

const CaseInfo* find_case(std::string_view full_name) {
  const auto found = std::ranges::find_if(registry(), [&](const CaseInfo& c) { return c.full_name() == full_name; });
  return found == registry().end() ? nullptr : &*found;
}

bool register_case(CaseInfo info) {
  const auto key = [](const CaseInfo& c) { return std::pair(c.suite, c.name); };
  const auto at = std::ranges::lower_bound(registry(), key(info), {}, key);
  if (at != registry().end() && key(*at) == key(info)) std::abort();
  registry().insert(at, std::move(info));
  return true;
}

}  // namespace holdfast
