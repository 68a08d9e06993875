// Which commit is worth the next run?
//
// The entropy after a result is the sum of -w log w over the hypotheses, where w is a hypothesis' mass times the
// likelihood of that result. For a commit x each hypothesis is of one of two kinds: x would be bad, or good. So for
// each hypothesis both terms are reckoned once, and the commits only differ in which of the two they add up.
#include "harness/bisect/choice.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace holdfast::bisect {
namespace {

constexpr std::array kBatches = {1, 2, 4, 8, 16};
/// A hypothesis that is less likely cannot change a choice.
constexpr double kNegligible = 1e-7;
/// Less than this in bits is no news.
constexpr double kNoGain = 1e-9;

double x_log_x(double x) { return x > 0 ? x * std::log2(x) : 0.0; }

/// Mass of both results, and the sum of w log w over the hypotheses for each.
struct Terms {
  double fail = 0;
  double fail_log = 0;
  double pass_log = 0;
  Terms& operator+=(const Terms& other) {
    fail += other.fail;
    fail_log += other.fail_log;
    pass_log += other.pass_log;
    return *this;
  }
};

struct Hypothesis {
  Node first_bad = 0;
  double mass = 0;
  Terms bad;   ///< when the commit contains first_bad
  Terms good;  ///< when it does not
};

std::vector<Hypothesis> hypotheses(const Posterior& posterior, int runs) {
  const auto failing = posterior.failing(runs);
  const double when_good = 1 - std::pow(1 - posterior.false_failure(), runs);
  const auto terms = [](double mass, double fail) {
    return Terms{.fail = fail, .fail_log = x_log_x(fail), .pass_log = x_log_x(mass - fail)};
  };
  std::vector<Hypothesis> alive;
  for (Node node = 0; node < failing.size(); ++node) {
    const double mass = posterior.mass(node);
    if (mass < kNegligible) continue;
    alive.push_back(
        {.first_bad = node, .mass = mass, .bad = terms(mass, failing[node]), .good = terms(mass, mass * when_good)});
  }
  return alive;
}

/// Of up to `runs` runs that end with the first failure.
double expected_runs(double fail_share, double bad_mass, int runs) {
  if (bad_mass <= 0) return runs;
  const double rate_of_all = std::min(0.999, fail_share / bad_mass);  // some run of them fails, when the commit is bad
  const double rate = 1 - std::pow(1 - rate_of_all, 1.0 / runs);
  const double when_bad = rate > 0 ? rate_of_all / rate : runs;
  return bad_mass * when_bad + (1 - bad_mass) * runs;
}

class Chooser {
 public:
  Chooser(const History& history, const std::vector<Offer>& offers, const Costs& costs)
      : history_(history), offers_(offers), costs_(costs) {}

  void consider(const std::vector<Hypothesis>& alive, int runs) {
    double mass = 0;
    double mass_log = 0;
    for (const Hypothesis& one : alive) {
      mass += one.mass;
      mass_log += x_log_x(one.mass);
    }
    const double before = x_log_x(mass) - mass_log;
    for (Node node = 0; node < history_.size(); ++node) {
      if (!offers_[node].testable) continue;
      Terms sum;
      double bad = 0;
      double bad_fails = 0;
      for (const Hypothesis& one : alive) {
        if (history_.contains(node, one.first_bad)) {
          sum += one.bad;
          bad += one.mass;
          bad_fails += one.bad.fail;
        } else {
          sum += one.good;
        }
      }
      // Entropies weighted by the results' own probabilities.
      const double after = x_log_x(sum.fail) - sum.fail_log + x_log_x(mass - sum.fail) - sum.pass_log;
      const double cost = (offers_[node].built ? 0 : costs_.build) + costs_.run * expected_runs(bad_fails, bad, runs);
      keep({.node = node, .runs = runs, .gain = before - after, .cost = cost});
    }
  }

  const std::optional<Choice>& best() const { return best_; }

 private:
  void keep(const Choice& offer) {
    if (offer.gain < kNoGain) return;
    if (!best_ || offer.gain * best_->cost > best_->gain * offer.cost) best_ = offer;
  }

  const History& history_;
  const std::vector<Offer>& offers_;
  const Costs& costs_;
  std::optional<Choice> best_;
};

}  // namespace

std::optional<Choice> choose(const History& history, const Posterior& posterior, const std::vector<Offer>& offers,
                             const Costs& costs) {
  Chooser chooser(history, offers, costs);
  for (const int runs : kBatches) chooser.consider(hypotheses(posterior, runs), runs);
  return chooser.best();
}

}  // namespace holdfast::bisect
