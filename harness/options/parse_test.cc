// Is the command line understood, and is a mistake in it told with the nearest right word?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/options.h"

namespace holdfast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Options> parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "holdfast");
  return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(ParseOptions, GivesEachVerbItsOwnOptions) {
  const auto run = parsed({"run", "--filter", "A.*", "-v", "--repeat=3", "--", "--gtest_color=no"});
  ASSERT_TRUE(run.ok());
  const auto& options = std::get<RunOptions>(*run);
  EXPECT_EQ(options.selection.filter, "A.*");
  EXPECT_EQ(options.verbosity, Verbosity::kVerbose);
  EXPECT_EQ(options.repeat, 3);
  EXPECT_THAT(options.gtest_args, ElementsAre("--gtest_color=no"));

  const auto build = parsed({"kernel", "build", "--name", "mine", "--config", "a", "--config", "b"});
  ASSERT_TRUE(build.ok());
  EXPECT_EQ(std::get<KernelBuildOptions>(*build).name, "mine");
  EXPECT_THAT(std::get<KernelBuildOptions>(*build).configs, ElementsAre("a", "b"));

  const auto list = parsed({"kernel", "list", "--json"});
  ASSERT_TRUE(list.ok());
  EXPECT_TRUE(std::get<KernelListOptions>(*list).json);

  const auto fetch = parsed({"kernel", "fetch"});
  ASSERT_TRUE(fetch.ok());
  EXPECT_TRUE(std::holds_alternative<KernelFetchOptions>(*fetch));
}

TEST(ParseOptions, APlanSaysItselfWhatRuns) {
  const auto night = parsed({"run", "--plan", "nightly.toml", "--lab", "lab.toml", "--dry-run"});
  ASSERT_TRUE(night.ok());
  EXPECT_EQ(std::get<RunOptions>(*night).plan, "nightly.toml");
  EXPECT_FALSE(parsed({"run", "--plan", "p", "--filter", "A.*"}).ok());
  EXPECT_FALSE(parsed({"run", "--plan", "p", "--target", "n07"}).ok());
  EXPECT_FALSE(parsed({"run", "--plan", "p", "--shard", "1/2"}).ok());
  EXPECT_FALSE(parsed({"run", "--plan", "p", "--until", "5h"}).ok());
  const auto limited = parsed({"run", "--until", "5h", "--until", "2031-05-17T06:00:00Z"});
  ASSERT_TRUE(limited.ok());
  EXPECT_THAT(std::get<RunOptions>(*limited).until, ElementsAre("5h", "2031-05-17T06:00:00Z"));
  const auto soak = parsed({"run", "--soak", "200"});
  ASSERT_TRUE(soak.ok());
  EXPECT_EQ(std::get<RunOptions>(*soak).soak, 200);
  EXPECT_FALSE(parsed({"run", "--soak", "1"}).ok());
}

TEST(ParseOptions, ShardsAreReadAndWrongOnesRefused) {
  const auto run = parsed({"run", "--shard", "2/8", "--times", "last.xml", "--continue", "here"});
  ASSERT_TRUE(run.ok());
  const auto& options = std::get<RunOptions>(*run);
  EXPECT_EQ(options.shard, (Shard{2, 8}));
  EXPECT_EQ(options.times, "last.xml");
  EXPECT_EQ(options.continue_dir, "here");
  const auto wrong = parsed({"run", "--shard", "9/8"});
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().what, HasSubstr("'9/8' is no shard"));
}

TEST(ParseOptions, SubmitKnowsSeveralKernels) {
  const auto parsed_options = parsed(
      {"submit", "--kernel=a", "--kernel=b", "--tasks=24", "--no-wait", "--filter=X.*", "--sbatch=--partition=lab"});
  ASSERT_TRUE(parsed_options.ok());
  const auto& submit = std::get<SubmitOptions>(*parsed_options);
  EXPECT_THAT(submit.kernels, ElementsAre("a", "b"));
  EXPECT_THAT(submit.sbatch, ElementsAre("--partition=lab"));
  EXPECT_EQ(submit.tasks, 24);
  EXPECT_TRUE(submit.no_wait);
  EXPECT_EQ(submit.run.selection.filter, "X.*");
}

TEST(ParseOptions, QuietAndVerboseExcludeEachOther) { EXPECT_FALSE(parsed({"run", "-q", "-v"}).ok()); }

TEST(ParseOptions, AMistakeIsToldWithTheNearestWord) {
  struct Mistake {
    std::vector<const char*> words;
    const char* told;
  };
  const Mistake mistakes[] = {
      {{"rum"}, "unknown word 'rum'; did you mean 'run'?"},
      {{"run", "--filtr", "x"}, "unknown flag '--filtr'; did you mean '--filter'?"},
      {{"kernel", "bild"}, "unknown word 'bild'; did you mean 'build'?"},
      {{"kernel", "build", "--tre=x"}, "unknown flag '--tre'; did you mean '--tree'?"},
  };
  for (const Mistake& mistake : mistakes) {
    const auto options = parsed(mistake.words);
    ASSERT_FALSE(options.ok()) << mistake.told;
    EXPECT_EQ(options.error().what, mistake.told);
    EXPECT_EQ(options.error().kind, "usage");
    EXPECT_THAT(options.error().hint, HasSubstr("--help"));
  }
}

TEST(ParseOptions, AVerbWithoutItsOwnVerbShowsItsHelp) {
  for (const std::vector<const char*>& words : {std::vector<const char*>{}, {"kernel"}, {"run", "--help"}}) {
    const auto options = parsed(words);
    ASSERT_TRUE(options.ok());
    ASSERT_TRUE(std::holds_alternative<JustPrint>(*options));
    EXPECT_THAT(std::get<JustPrint>(*options).text, HasSubstr("\nUsage: holdfast"));
  }
}

TEST(ParseOptions, TheDevicesOfThisMachineAreAskedFor) {
  const auto local = parsed({"list", "devices", "--local"});
  ASSERT_TRUE(local.ok());
  EXPECT_TRUE(std::get<ListOptions>(*local).local);
  const auto plain = parsed({"list", "devices"});
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(std::get<ListOptions>(*plain).local);
}

TEST(ParseOptions, WhatAVerbCannotDoWithoutIsNamed) {
  const auto options = parsed({"list"});
  ASSERT_FALSE(options.ok());
  EXPECT_THAT(options.error().what, HasSubstr("what is required"));
}

}  // namespace
}  // namespace holdfast
