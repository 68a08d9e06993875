// Does a run that goes on later get all that was asked for?
#include "harness/options/saved_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

RunOptions parsed(std::vector<const char*> words) {
  words.insert(words.begin(), {"holdfast", "run"});
  return std::get<RunOptions>(*parse_options(static_cast<int>(words.size()), words.data()));
}

TEST(SavedOptions, ComeBackAsTheyWere) {
  const RunOptions asked = parsed({"--target=a",
                                   "--target=b",
                                   "--filter=A.*:-B.*",
                                   "--device=nvme",
                                   "--lab=/l.toml",
                                   "--kernel=/k",
                                   "--next-kernel=n",
                                   "--modules=/m",
                                   "--append=x y",
                                   "--next-append=z",
                                   "--accel=tcg",
                                   "--memory=768",
                                   "--cpus=2",
                                   "--cold",
                                   "--shard=2/3",
                                   "--times=/t",
                                   "--repeat=4",
                                   "--jobs=5",
                                   "--retry-infra=6",
                                   "--soak=7",
                                   "--failfast",
                                   "--force",
                                   "--junit=/j.xml",
                                   "--ktap",
                                   "--timeout-scale=1.5",
                                   "--junit-dialect",
                                   "extended",
                                   "--",
                                   "--gtest_color=no"});
  const auto back = saved_options(to_json(asked));
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_EQ(back->targets, asked.targets);
  EXPECT_EQ(back->selection.filter, asked.selection.filter);
  EXPECT_EQ(back->selection.devices, asked.selection.devices);
  EXPECT_EQ(back->kernels, asked.kernels);
  EXPECT_EQ(back->machine.accel, "tcg");
  EXPECT_EQ(back->machine.memory_mib, 768);
  EXPECT_EQ(back->machine.cpus, 2);
  EXPECT_TRUE(back->machine.cold);
  EXPECT_EQ(back->shard, asked.shard);
  EXPECT_EQ(std::tuple(back->lab, back->times, back->junit), std::tuple(asked.lab, asked.times, asked.junit));
  EXPECT_EQ(std::tuple(back->repeat, back->jobs, back->retry_infra, back->soak), std::tuple(4, 5, 6, 7));
  EXPECT_EQ(std::tuple(back->failfast, back->force, back->ktap), std::tuple(true, true, true));
  EXPECT_DOUBLE_EQ(back->timeout_scale, 1.5);
  EXPECT_EQ(back->junit_dialect, "extended");
  EXPECT_EQ(back->gtest_args, asked.gtest_args);
}

TEST(SavedOptions, NeedNoCurrentFolderAndNoEnvironment) {
  const RunOptions asked = parsed({"--lab=lab.toml", "--kernel=arch/x86/boot/bzImage"});
  const auto back = saved_options(to_json(asked));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->lab, std::filesystem::absolute("lab.toml"));
  EXPECT_EQ(back->kernels.kernel, std::filesystem::absolute("arch/x86/boot/bzImage").string());
  EXPECT_FALSE(back->shard);
  EXPECT_TRUE(back->junit.empty());
}

TEST(SavedOptions, OfAnotherKindAreRefused) {
  EXPECT_FALSE(saved_options("").ok());
  EXPECT_FALSE(saved_options("{}").ok());
  EXPECT_FALSE(saved_options(R"({"format":2})").ok());
  EXPECT_FALSE(saved_options(R"({"format":1,"targets":3})").ok());
}

}  // namespace
}  // namespace holdfast
