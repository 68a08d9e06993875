// Are the flags of `holdfast series` understood, and refused where they contradict each other?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/options.h"

namespace holdfast {
namespace {

Result<Options> parsed(std::vector<const char*> words) {
  words.insert(words.begin(), {"holdfast", "series", "--tree", "t"});
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(SeriesFlags, SayWhatIsToBeTested) {
  const auto options = parsed({"--base", "v7.3", "--mbox", "m", "--filter", "A.*", "--device", "edu", "--jobs", "3",
                               "--config", "c", "--out", "o", "--tip", "--confirm", "2"});
  ASSERT_TRUE(options) << options.error().what;
  const auto& series = std::get<SeriesOptions>(*options);
  EXPECT_EQ(series.what.tree, "t");
  EXPECT_EQ(series.base, "v7.3");
  EXPECT_EQ(series.mbox, "m");
  EXPECT_EQ(series.what.filter, "A.*");
  EXPECT_THAT(series.what.words, testing::ElementsAre("--device=edu"));
  EXPECT_EQ(series.what.jobs, 3);
  EXPECT_THAT(series.what.configs, testing::ElementsAre("c"));
  EXPECT_EQ(series.what.out, "o");
  EXPECT_TRUE(series.tip);
  EXPECT_EQ(series.confirm, 2);
}

TEST(SeriesFlags, EveryPatchIsTestedUnlessTheTipAloneIsAskedFor) {
  for (const auto& words : {std::vector<const char*>{"--range", "a..b"}, {"--range", "a..b", "--each"}}) {
    const auto options = parsed(words);
    ASSERT_TRUE(options) << options.error().what;
    EXPECT_FALSE(std::get<SeriesOptions>(*options).tip);
    EXPECT_EQ(std::get<SeriesOptions>(*options).range, "a..b");
  }
}

TEST(SeriesFlags, ThatContradictEachOtherAreRefused) {
  EXPECT_FALSE(parsed({"--mbox", "m", "--range", "a..b"}));
  EXPECT_FALSE(parsed({"--mbox", "m", "--tip", "--each"}));
  const char* no_tree[] = {"holdfast", "series", "--mbox", "m"};
  EXPECT_FALSE(parse_options(4, no_tree));
}

}  // namespace
}  // namespace holdfast
