// Which commit is it, as far as the runs so far tell?
//
// A hypothesis is a pair: the first bad commit c, and the rate p at which the test fails on every commit that contains
// c. On such a commit a run fails with p and passes with 1 - p; on every other one it fails with a small epsilon. The
// posterior is the prior times the likelihood of every run, over a grid of p. Runs that the lab spoilt say nothing, and
// are not told to it.
#pragma once

#include <vector>

#include "harness/bisect/history.h"

namespace holdfast::bisect {

/// What is believed before the first run.
struct Prior {
  /// How often the failure that is sought shows up on a kernel without the fault.
  double false_failure = 0.001;
  /// The fault is older than the good end.
  double good_end_wrong = 0.002;
  /// The test fails on every run on a bad commit. It may well be more often so; but whoever takes a flaky test for a
  /// sure one names the wrong commit.
  double sure = 0.15;
};

/// A failure rate, and how much it is believed in before the first run.
struct FailRate {
  double rate = 0;
  double weight = 0;
};

/// Copied freely; the History outlives it. Costs size() times the number of rates for each result.
class Posterior {
 public:
  explicit Posterior(const History& history, const Prior& prior = {});

  /// A run on `node` that showed the failure sought, or passed.
  void add(Node node, bool failed);
  /// The kernels of these two commits are the same: no commit that tells them apart can be the first bad one.
  void same_kernel(Node one, Node other);

  /// How likely it is that `node` is the first bad one. The sum over all is 1.
  double mass(Node node) const { return mass_[node]; }
  const std::vector<double>& masses() const { return mass_; }
  /// In bits: what is not known yet about the first bad commit.
  double entropy() const;
  /// For each hypothesis the share of its mass in which at least one of `runs` runs on a bad commit fails.
  std::vector<double> failing(int runs) const;
  double false_failure() const { return prior_.false_failure; }

  /// How likely it is that `runs` runs on a bad commit all pass.
  double all_pass(int runs) const;
  /// The expected rate of failure on a bad commit.
  double fail_rate() const;

 private:
  void weigh(Node first_bad, size_t rate, double factor) { joint_[first_bad * rates_.size() + rate] *= factor; }
  void normalise();

  const History& history_;
  Prior prior_;
  std::vector<FailRate> rates_;
  std::vector<double> joint_;  ///< [first bad commit][rate]
  std::vector<double> mass_;
};

}  // namespace holdfast::bisect
