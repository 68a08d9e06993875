// Is a difference more than noise, and how sure is a rate?
#pragma once

#include <cstddef>
#include <vector>

namespace holdfast::reports {

/// 0 for no values.
double median(std::vector<double> values);

/// Median distance from the median, times 1.4826: as large as the standard deviation where values are normal, and not
/// moved by a few that are far off. 0 for fewer than two values.
double spread(const std::vector<double>& values);

/// Whether `after` is another level than `before` and not the same one with noise: the medians differ by more than
/// three times the larger spread, and in at least nine of ten pairs of a value from each the difference goes the same
/// way. (A spread of few values that jump between two levels is 0; the pairs show them.)
bool levels_differ(const std::vector<double>& before, const std::vector<double>& after);

/// What a pace is taken from, the median of ratios of times: so many of them, each of times of at least so many ms;
/// shorter ones are of too few milliseconds for a ratio.
inline constexpr size_t kEnoughForPace = 8;
inline constexpr double kLeastForPace = 20;

struct Interval {
  double low;
  double high;
};
/// Wilson's score interval at 95 % for a share of which `hits` of `trials` were seen; 0 to 1 when there were none.
/// Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
Interval wilson(int hits, int trials);

/// How likely a split at least as uneven as `up` against `down` is when both are as likely: the two-sided sign test.
double sign_test(int up, int down);

}  // namespace holdfast::reports
