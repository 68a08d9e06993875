// How does the bisection do on histories that were made up, and how does a fixed rule?
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "harness/bisect/bisection.h"

namespace holdfast::bisect_sim {

/// A history made up, and the truth about it that the searcher is not told.
struct World {
  bisect::History history;
  bisect::Node culprit = 0;
  double fail_rate = 1;      ///< of a run on a bad commit
  double lab_rate = 0;       ///< of runs that the lab spoils
  double false_failure = 0;  ///< of a run on a good commit
  std::vector<bool> unbuildable = {};
};

struct WorldPlan {
  size_t commits = 200;
  double fail_rate = 1;
  double lab_rate = 0.1;
  bool merges = false;       ///< a third of the commits on side branches
  bool unbuildable = false;  ///< a stretch of up to a dozen commits does not build
};

World make_world(const WorldPlan& plan, std::mt19937_64& random);

/// How one search of one world ended.
struct Found {
  bool declared = false;
  bool right = false;  ///< what was declared is the culprit, or has it among its few
  size_t named = 0;    ///< how many commits were declared
  int runs = 0;
  int builds = 0;
};

Found search(const World& world, const bisect::Settings& settings, std::mt19937_64& random);

/// What a bisection does that runs each commit ten times and takes the first failure for an answer: halves the suspects
/// with each commit, as git does. Both ends count as known, and cost it nothing. Runs that the lab spoils are repeated.
Found fixed_rule(const World& world, int runs_per_step, std::mt19937_64& random);

}  // namespace holdfast::bisect_sim
