// Does something grow from live update to live update?
#include "harness/soak.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "harness/base/text.h"

namespace holdfast {
namespace {

/// At most so many are looked at, evenly chosen: slopes are taken between any two.
constexpr size_t kMostValues = 1000;

std::vector<double> thinned(const std::vector<double>& values) {
  if (values.size() <= kMostValues) return values;
  std::vector<double> chosen;
  for (size_t i = 0; i < kMostValues; ++i) chosen.push_back(values[i * (values.size() - 1) / (kMostValues - 1)]);
  return chosen;
}

/// How likely a rank sum at least so large is when nothing grows: normal approximation with the correction for ties
/// (Kendall 1975), which at five values is near enough for a bound of one in a hundred.
double chance_of(double sum, const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double variance = n * (n - 1) * (2 * n + 5);
  std::vector<double> sorted = values;
  std::ranges::sort(sorted);
  for (auto at = sorted.begin(); at != sorted.end();) {
    const auto end = std::upper_bound(at, sorted.end(), *at);
    const auto ties = static_cast<double>(end - at);
    variance -= ties * (ties - 1) * (2 * ties + 5);
    at = end;
  }
  if (variance <= 0 || sum <= 0) return 1;
  const double z = (sum - 1) / std::sqrt(variance / 18);
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

}  // namespace

SoakTrend soak_trend(const std::vector<double>& all, double least) {
  // Of five values in a rising row it is 1/120 in truth, and 0.0139 by the approximation.
  constexpr double kChance = 0.014;
  SoakTrend trend;
  if (all.empty()) return trend;
  trend.first = all.front();
  trend.last = all.back();
  const std::vector<double> values = thinned(all);
  const double step =
      values.size() < 2 ? 1 : static_cast<double>(all.size() - 1) / static_cast<double>(values.size() - 1);
  std::vector<double> slopes;
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t k = i + 1; k < values.size(); ++k) {
      slopes.push_back((values[k] - values[i]) / (static_cast<double>(k - i) * step));
      sum += values[k] > values[i] ? 1 : values[k] < values[i] ? -1 : 0;
    }
  }
  if (slopes.empty()) return trend;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
  std::ranges::nth_element(slopes, middle);
  trend.per_update = *middle;
  const double grown = trend.per_update * static_cast<double>(all.size() - 1);
  trend.grows = all.size() >= kLeastUpdates && grown > least && chance_of(sum, values) < kChance;
  return trend;
}

const std::vector<SoakMeasure>& soak_measures() {
  // A kernel that was just started has its caches more or less filled: what moves less than this is that.
  static const std::vector<SoakMeasure> all{{"slab", "slab, KiB", 1024},
                                            {"slab_unreclaimable", "slab that cannot be reclaimed, KiB", 1024},
                                            {"kho_scratch", "KHO scratch, KiB", 0},
                                            {"lost", "memory that is missing, KiB", 64},
                                            {"used", "memory in use, KiB", 4096},
                                            {"open_files", "open files", 16}};
  return all;
}

std::string soak_property(std::string_view measure) { return fmt::format("soak.{}", measure); }

std::string to_numbers(const std::vector<double>& values) {
  std::vector<std::string> words;
  for (const double value : values) words.push_back(fmt::format("{:.0f}", value));
  return join(words, " ");
}

std::vector<double> numbers_from(std::string_view text) {
  std::vector<double> values;
  for (const std::string_view word : split(text, ' ')) {
    const bool negative = word.starts_with('-');
    if (const auto number = parse_u64(negative ? word.substr(1) : word)) {
      values.push_back(negative ? -static_cast<double>(*number) : static_cast<double>(*number));
    }
  }
  return values;
}

std::string describe(const SoakMeasure& measure, const SoakTrend& trend) {
  return fmt::format("{}: {:.0f} to {:.0f} ({:+.1f} per update){}", measure.title, trend.first, trend.last,
                     trend.per_update, trend.grows ? ", it grows" : "");
}

}  // namespace holdfast
