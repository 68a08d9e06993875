// Which commit is worth the next run?
#pragma once

#include <optional>
#include <vector>

#include "harness/bisect/posterior.h"

namespace holdfast::bisect {

/// What things cost; in seconds, or in any one unit.
struct Costs {
  double build = 30;
  double run = 10;
};

/// What a commit costs now, and whether it can be asked at all.
struct Offer {
  bool testable = true;
  bool built = false;
};

/// The commit with the most to tell for its cost.
struct Choice {
  Node node = 0;
  int runs = 1;     ///< as many as that gain was reckoned with, unless one fails before
  double gain = 0;  ///< expected, in bits
  double cost = 0;  ///< expected, in the unit of Costs
};

/// Reckons, for each commit that can be asked, what up to 1, 2, 4... runs there (ended by the first that fails) are
/// expected to tell about the first bad commit, and what they cost: a commit without a kernel costs its build as well,
/// which pays only when it is asked more than once or tells more. `offers` has an entry for each commit. Nothing when
/// no commit can tell anything more.
std::optional<Choice> choose(const History& history, const Posterior& posterior, const std::vector<Offer>& offers,
                             const Costs& costs);

}  // namespace holdfast::bisect
