// Which commit is it, as far as the runs so far tell?
#include "harness/bisect/posterior.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace holdfast::bisect {
namespace {

constexpr double kRarest = 0.04;
constexpr double kStep = 0.04;
/// Nothing is ruled out for good, lest a mistaken result leave no hypothesis at all.
constexpr double kAlmostNever = 1e-6;

/// The rarer, the more believed in, but not as steeply as by the order of magnitude: measured with tools/bisect-sim.
std::vector<FailRate> make_rates(double sure) {
  std::vector<FailRate> rates;
  double whole = 0;
  for (double rate = kRarest; rate < 0.98; rate += kStep) {
    rates.push_back({rate, 1 / std::sqrt(rate)});
    whole += rates.back().weight;
  }
  for (FailRate& rate : rates) rate.weight *= (1 - sure) / whole;
  // Short of 1: what fails surely may pass once, when the lab was asked in the wrong moment.
  rates.push_back({0.9995, sure});
  return rates;
}

}  // namespace

Posterior::Posterior(const History& history, const Prior& prior)
    : history_(history), prior_(prior), rates_(make_rates(prior.sure)), mass_(history.size()) {
  const double each = (1 - prior.good_end_wrong) / static_cast<double>(history.size() - 1);
  joint_.reserve(history.size() * rates_.size());
  for (Node node = 0; node < history.size(); ++node) {
    const double here = node == history.good() ? prior.good_end_wrong : each;
    for (const FailRate& rate : rates_) joint_.push_back(here * rate.weight);
  }
  normalise();
}

void Posterior::add(Node node, bool failed) {
  const double when_good = failed ? prior_.false_failure : 1 - prior_.false_failure;
  for (Node first_bad = 0; first_bad < history_.size(); ++first_bad) {
    const bool bad = history_.contains(node, first_bad);
    for (size_t i = 0; i < rates_.size(); ++i) {
      const double when_bad = failed ? rates_[i].rate : 1 - rates_[i].rate;
      weigh(first_bad, i, bad ? when_bad : when_good);
    }
  }
  normalise();
}

void Posterior::same_kernel(Node one, Node other) {
  for (Node first_bad = 0; first_bad < history_.size(); ++first_bad) {
    if (history_.contains(one, first_bad) == history_.contains(other, first_bad)) continue;
    for (size_t i = 0; i < rates_.size(); ++i) weigh(first_bad, i, kAlmostNever);
  }
  normalise();
}

void Posterior::normalise() {
  const double whole = std::accumulate(joint_.begin(), joint_.end(), 0.0);
  for (double& each : joint_) each /= whole;
  for (Node node = 0; node < mass_.size(); ++node) {
    const auto begin = joint_.begin() + static_cast<std::ptrdiff_t>(node * rates_.size());
    mass_[node] = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(rates_.size()), 0.0);
  }
}

double Posterior::entropy() const {
  double bits = 0;
  for (const double mass : mass_) {
    if (mass > 0) bits -= mass * std::log2(mass);
  }
  return bits;
}

std::vector<double> Posterior::failing(int runs) const {
  std::vector<double> some_fails;
  for (const FailRate& rate : rates_) some_fails.push_back(1 - std::pow(1 - rate.rate, runs));
  std::vector<double> share(mass_.size());
  for (Node node = 0; node < mass_.size(); ++node) {
    const double* const row = joint_.data() + node * rates_.size();
    share[node] = std::inner_product(row, row + rates_.size(), some_fails.begin(), 0.0);
  }
  return share;
}

double Posterior::all_pass(int runs) const {
  const auto some_fails = failing(runs);
  return std::max(0.0, 1 - std::accumulate(some_fails.begin(), some_fails.end(), 0.0));
}

double Posterior::fail_rate() const { return 1 - all_pass(1); }

}  // namespace holdfast::bisect
