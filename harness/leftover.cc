// What did a run leave behind that died, and how is it got rid of?
#include "harness/leftover.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

std::string outcome(const Leftover& leftover, bool dry_run, const Deadline& deadline, bool& complete) {
  if (!leftover.clean) return leftover.done;
  if (dry_run) return fmt::format("would be {}", leftover.done);
  const auto cleaned = leftover.clean(deadline);
  if (cleaned) return leftover.done;
  complete = false;
  return fmt::format("NOT {}: {}", leftover.done, cleaned.error().what);
}

}  // namespace

Cleaning clean_up(const std::vector<Leftover>& leftovers, bool dry_run, const Deadline& deadline) {
  Cleaning cleaning{.rows = {{"LEFT BEHIND", "WHOSE", "DONE"}}};
  for (const Leftover& one : leftovers) {
    cleaning.rows.push_back({one.what, one.whose, outcome(one, dry_run, deadline, cleaning.complete)});
  }
  return cleaning;
}

}  // namespace holdfast
