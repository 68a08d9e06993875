// Is growth over many live updates found, and nothing else taken for it?
#include "harness/soak.h"

#include <gtest/gtest.h>

#include <random>

namespace holdfast {
namespace {

/// Figures that waver by `noise`, and grow by `growth` with each update.
std::vector<double> series(size_t count, double growth, double noise, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> waver(-noise, noise);
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) values.push_back(12'000 + growth * static_cast<double>(i) + waver(random));
  return values;
}

TEST(SoakTrend, FindsALeakInNoise) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const SoakTrend trend = soak_trend(series(100, 40, 300, seed), 1024);
    EXPECT_TRUE(trend.grows) << seed;
    EXPECT_NEAR(trend.per_update, 40, 6) << seed;
  }
}

TEST(SoakTrend, SeesFiveInARowThatRise) {
  EXPECT_TRUE(soak_trend({0, 2000, 4000, 6000, 8000}, 1024).grows);
  EXPECT_FALSE(soak_trend({0, 2000, 4000, 6000}, 1024).grows) << "too few to tell";
}

TEST(SoakTrend, TakesNoiseForNothing) {
  int wrong = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) wrong += soak_trend(series(20, 0, 3000, seed), 0).grows ? 1 : 0;
  EXPECT_LE(wrong, 6) << "one in a hundred was promised";
}

TEST(SoakTrend, TakesNeitherALevelNorAFallNorATrifleForGrowth) {
  EXPECT_FALSE(soak_trend(std::vector<double>(50, 16'384), 0).grows);
  EXPECT_FALSE(soak_trend(series(50, -100, 10), 0).grows);
  EXPECT_FALSE(soak_trend(series(50, 1, 0.1), 1024).grows) << "49 KiB in all";
  EXPECT_FALSE(soak_trend({0, 9000, 9000, 9000, 9000, 9000, 9000, 9000}, 1024).grows) << "one step is no trend";
  EXPECT_FALSE(soak_trend({}, 0).grows);
  EXPECT_FALSE(soak_trend({7}, 0).grows);
}

TEST(SoakTrend, BearsThousandsOfUpdates) {
  const SoakTrend trend = soak_trend(series(10'000, 1, 50), 1024);
  EXPECT_TRUE(trend.grows);
  EXPECT_NEAR(trend.per_update, 1, 0.1);
}

TEST(SoakProperty, IsReadBackAsItWasWritten) {
  const std::vector<double> values{1, 2.4, -3, 40'000'000};
  EXPECT_EQ(to_numbers(values), "1 2 -3 40000000");
  EXPECT_EQ(numbers_from("1 2 -3 40000000"), (std::vector<double>{1, 2, -3, 40'000'000}));
  EXPECT_EQ(numbers_from("1 x 99999999999999999999999 - 2"), (std::vector<double>{1, 2}));
  EXPECT_EQ(soak_property("slab"), "soak.slab");
}

}  // namespace
}  // namespace holdfast
