// Is a difference more than noise, and how sure is a rate?
#include "reports/history/statistics.h"

#include <algorithm>
#include <cmath>

namespace holdfast::reports {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double spread(const std::vector<double>& values) {
  constexpr double kAsNormal = 1.4826;
  const double center = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - center));
  return values.size() < 2 ? 0 : kAsNormal * median(std::move(distances));
}

bool levels_differ(const std::vector<double>& before, const std::vector<double>& after) {
  constexpr double kAgreeing = 0.9;
  constexpr double kMostlyAgreeing = 0.8;  // where there are many values, some may be slow for a reason of their own
  constexpr double kMany = 9;
  if (before.empty() || after.empty()) return false;
  const double change = std::abs(median(after) - median(before));
  // The more values there are on the side with fewer, the surer is its median: from 4 on, less distance is enough.
  const auto fewer = static_cast<double>(std::min(before.size(), after.size()));
  const double needed = 3 * std::min(1.0, 2 / std::sqrt(fewer));
  if (change <= needed * std::max(spread(before), spread(after))) return false;
  double up = 0;
  for (const double old : before) {
    for (const double now : after) up += now > old ? 1 : now == old ? 0.5 : 0;
  }
  const double share = up / (static_cast<double>(before.size()) * static_cast<double>(after.size()));
  return std::max(share, 1 - share) >= (fewer < kMany ? kAgreeing : kMostlyAgreeing);
}

Interval wilson(int hits, int trials) {
  if (trials <= 0) return {.low = 0, .high = 1};
  constexpr double kZ = 1.959964;  // 95 %, two-sided
  const double n = trials;
  const double share = hits / n;
  const double scale = 1 + kZ * kZ / n;
  const double center = (share + kZ * kZ / (2 * n)) / scale;
  const double half = kZ / scale * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {.low = std::max(0.0, center - half), .high = std::min(1.0, center + half)};
}

double sign_test(int up, int down) {
  const int trials = up + down;
  if (trials == 0) return 1;
  double tail = 0;  // P(at most min(up, down) of `trials` fall on one side)
  for (int k = 0; k <= std::min(up, down); ++k) {
    tail +=
        std::exp(std::lgamma(trials + 1) - std::lgamma(k + 1) - std::lgamma(trials - k + 1) - trials * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace holdfast::reports
