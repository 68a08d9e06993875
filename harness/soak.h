// Does something grow from live update to live update?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// How a figure moved over the live updates of one boot chain.
struct SoakTrend {
  double first = 0;
  double last = 0;
  double per_update = 0;  ///< the median of the slopes between any two values (Theil and Sen)
  bool grows = false;
};

/// Fewer updates than these show no trend.
inline constexpr size_t kLeastUpdates = 5;

/// `values` are one per kernel, in order, the first being that of the kernel after the first update: what came before
/// was booted otherwise. It grows when the rank test of Mann and Kendall says so with one chance in a hundred of being
/// wrong, and by more than `least` from the first to the last by its slope.
SoakTrend soak_trend(const std::vector<double>& values, double least);

/// What a case tells of a soak, and how: as a property "soak.<name>" with a number per kernel and spaces between them.
struct SoakMeasure {
  std::string_view name;   ///< "slab"
  std::string_view title;  ///< "slab, KiB"
  double least;            ///< growth over the whole that is none yet
};
/// What must not grow. `lost` is memory that the first kernel had and a later one has not.
const std::vector<SoakMeasure>& soak_measures();

std::string soak_property(std::string_view measure);
std::string to_numbers(const std::vector<double>& values);
/// What is no number is left out.
std::vector<double> numbers_from(std::string_view text);

/// "slab, KiB: 12345 to 12350 (+0.5 per update)".
std::string describe(const SoakMeasure& measure, const SoakTrend& trend);

}  // namespace holdfast
