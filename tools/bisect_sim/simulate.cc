// How does the bisection do on histories that were made up, and how does a fixed rule?
#include "tools/bisect_sim/simulate.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

namespace holdfast::bisect_sim {
namespace {

using bisect::Commit;
using bisect::History;
using bisect::Node;
using bisect::Seen;
using Random = std::mt19937_64;

bool chance(double probability, Random& random) { return std::bernoulli_distribution(probability)(random); }
size_t pick(size_t first, size_t last, Random& random) {
  return std::uniform_int_distribution<size_t>(first, last)(random);
}

/// Commits c1..cN on a main line that starts at c0. With merges, now and then some of them form a side branch that
/// starts up to ten commits back and comes in with a merge.
std::vector<Commit> make_commits(size_t count, bool merges, Random& random) {
  std::vector<Commit> commits;
  std::vector<std::string> main_line = {"c0"};
  const auto add = [&](std::vector<std::string> parents) {
    commits.push_back({.id = "c" + std::to_string(commits.size() + 1), .parents = std::move(parents)});
    return commits.back().id;
  };
  while (commits.size() < count) {
    const size_t branch = merges && chance(0.12, random) ? pick(1, 5, random) : 0;
    if (branch == 0 || commits.size() + branch + 1 > count) {
      main_line.push_back(add({main_line.back()}));
      continue;
    }
    std::string side = main_line[main_line.size() - std::min(main_line.size(), pick(1, 10, random))];
    if (side == main_line.back()) main_line.push_back(add({main_line.back()}));
    for (size_t i = 0; i < branch && commits.size() + 1 < count; ++i) side = add({side});
    main_line.push_back(add({main_line.back(), side}));
  }
  return commits;
}

Seen run(const World& world, Node node, Random& random) {
  if (chance(world.lab_rate, random)) return Seen::kLab;
  const bool bad = world.history.contains(node, world.culprit);
  return chance(bad ? world.fail_rate : world.false_failure, random) ? Seen::kFailed : Seen::kPassed;
}

/// The suspect that parts the others most evenly, of those that build.
std::optional<Node> halfway(const World& world, const std::vector<Node>& suspects) {
  std::optional<Node> best;
  size_t best_part = 0;
  for (const Node node : suspects) {
    if (world.unbuildable[node]) continue;
    const auto contained = static_cast<size_t>(
        std::ranges::count_if(suspects, [&](Node other) { return world.history.contains(node, other); }));
    const size_t part = std::min(contained, suspects.size() - contained);
    if (part > best_part) {
      best = node;
      best_part = part;
    }
  }
  return best;
}

}  // namespace

World make_world(const WorldPlan& plan, Random& random) {
  auto history = History::create({.id = "c0", .parents = {}}, make_commits(plan.commits, plan.merges, random));
  if (!history) std::abort();  // a bug in make_commits
  World world{.history = *std::move(history), .fail_rate = plan.fail_rate, .lab_rate = plan.lab_rate};
  world.culprit = pick(1, world.history.bad(), random);
  world.unbuildable.resize(world.history.size());
  if (plan.unbuildable) {
    const Node first = pick(1, world.history.bad() - 12, random);
    const Node last = first + pick(2, 11, random);
    for (Node node = first; node <= last; ++node) world.unbuildable[node] = true;
  }
  return world;
}

Found search(const World& world, const bisect::Settings& settings, Random& random) {
  using Do = bisect::Step::Do;
  bisect::Bisection bisection(world.history, settings);
  Found found;
  for (bisect::Step step = bisection.next(); step.what != Do::kDone; step = bisection.next()) {
    if (step.what == Do::kRun) {
      bisection.ran(step.node, run(world, step.node, random));
    } else if (world.unbuildable[step.node]) {
      bisection.untestable(step.node, "does not build");
    } else {
      ++found.builds;
      bisection.built(step.node, world.history[step.node].id);
    }
  }
  found.runs = bisection.runs();
  const auto ending = bisection.ending();
  found.declared = ending == bisect::Ending::kNamed || ending == bisect::Ending::kNamedSome;
  const auto suspects = bisection.likeliest();
  found.named = suspects.nodes.size();
  found.right = std::ranges::find(suspects.nodes, world.culprit) != suspects.nodes.end();
  return found;
}

Found fixed_rule(const World& world, int runs_per_step, Random& random) {
  Found found{.declared = true};
  std::vector<Node> suspects;
  for (Node node = 1; node < world.history.size(); ++node) suspects.push_back(node);
  while (const auto middle = halfway(world, suspects)) {
    ++found.builds;
    bool failed = false;
    for (int told = 0; told < runs_per_step && !failed;) {
      const Seen seen = run(world, *middle, random);
      ++found.runs;
      failed = seen == Seen::kFailed;
      told += seen == Seen::kLab ? 0 : 1;
    }
    std::erase_if(suspects, [&](Node node) { return world.history.contains(*middle, node) != failed; });
  }
  found.named = suspects.size();
  found.right = std::ranges::find(suspects, world.culprit) != suspects.end();
  return found;
}

}  // namespace holdfast::bisect_sim
