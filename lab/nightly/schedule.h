// Which runs of a night may go on side by side?
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/capacity.h"

namespace holdfast::lab {

/// What a run takes of the lab while it goes on.
struct NightClaim {
  std::set<std::string> alone = {};  ///< hosts, and whatever else no two runs may have at once, by name
  Capacity machines = {};            ///< of this computer, for its virtual machines; nothing: it has none
};

/// Hands out runs, by their index, in the order of the plan on each host: a later run overtakes those that wait only
/// with what they do not wait for. So no run waits for ever, and what meets what on a host is the same every night.
/// Pure, not thread-safe.
class NightSchedule {
 public:
  /// `whole` is what this computer has for virtual machines; a run that claims more than that gets all of it.
  NightSchedule(std::vector<NightClaim> claims, const Capacity& whole, int at_once);

  /// The next run that may begin now; nothing when that has to wait for the end of another one, or none is left.
  std::optional<size_t> next();
  /// A run that next() gave is over.
  void done(size_t run);
  /// Nothing waits and nothing goes on.
  bool over() const { return waiting_.empty() && under_way_.empty(); }

 private:
  bool has_room_for(const Capacity& wanted) const;

  const std::vector<NightClaim> claims_;
  const Capacity whole_;
  const size_t at_once_;
  std::set<size_t> waiting_;
  std::set<size_t> under_way_;
};

/// What becomes of a run. `carry_out` is called by a thread of the run's own, the others by the caller's.
struct RunSteps {
  std::function<void(size_t)> begins;
  std::function<void(size_t)> carry_out;
  std::function<void(size_t)> ended;
};

/// Carries all runs out, each as soon as the schedule lets it, and returns when all are over. What a step throws ends
/// the rest: those under way are waited for, and it is thrown on.
void carry_out_all(NightSchedule& schedule, const RunSteps& steps);

}  // namespace holdfast::lab
