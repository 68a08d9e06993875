// Does a step compile only what differs, know what it warned of, and never trust what a killed one left?
#include "harness/kernel/incremental_build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/kernel/fake_surroundings.h"
#include "harness/kernel/fake_tree.h"
#include "harness/kernel/toolchain.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two files, each an object of its own. A line "WARN 3:1: warning: x" of a file is what its compilation prints; a
/// file with BROKEN in it does not compile.
constexpr std::string_view kTwoObjects = R"(VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 4
EXTRAVERSION =
NAME = Fake

allnoconfig:
	@mkdir -p $(O)/include/config
	@cat $(KCONFIG_ALLCONFIG) extra.config > $(O)/.config
	@test -e $(O)/include/config/auto.conf || touch $(O)/include/config/auto.conf
bzImage: obj/init/one.o obj/init/two.o
	@mkdir -p $(O)/arch/x86/boot
	@cp boot.image $(O)/arch/x86/boot/bzImage
obj/init/%.o: init/%.c
	@mkdir -p $(dir $@)
	@echo "  CC      init/$*.o"
	@sed -n 's/^WARN /..\/init\/$*.c:/p' $<
	@if grep -q BROKEN $<; then echo "../init/$*.c:3:1: error: expected ';' before '}' token"; exit 1; fi
	@cp $< $@
)";

class Incremental : public testing::Test {
 protected:
  void SetUp() override {
    if (!require_build_tools()) GTEST_SKIP() << require_build_tools().error().what;
    fake::tree(tree());
    fake::write(tree() / "Makefile", kTwoObjects);
    fake::write(tree() / "extra.config", "CONFIG_MORE=y\n");
    fake::write(tree() / "init/two.c", "two\n");
    fake::write(at("guest.config"), "CONFIG_PCI=y\n");
    ASSERT_TRUE(fake::shell("git init -q", tree()));
    first_ = commit("init/one.c", "one\n");
  }
  fs::path at(const char* name) const { return dir_.path() / name; }
  fs::path tree() const { return at("linux"); }
  std::string commit(const char* file, const std::string& text) const {
    fake::write(tree() / file, text);
    EXPECT_TRUE(fake::shell("git add -A && git -c user.name=t -c user.email=t@t commit -qm x", tree()));
    return std::string(trim(*ask_git(tree(), {"rev-parse", "HEAD"}, fake::soon())));
  }
  Result<IncrementalBuild> open() const {
    BuildRequest request{.source = {.dir = tree(), .key = {}, .describe = {}},
                         .series = {},
                         .series_name = {},
                         .config = {at("guest.config")},
                         .config_if_known = {},
                         .name = {}};
    return IncrementalBuild::open(request, KernelStore(at("cache")), fake::soon(), {});
  }
  static StepBuild step(IncrementalBuild& builder, const std::string& commit) {
    EXPECT_TRUE(builder.tree().go_to(commit, fake::soon()));
    auto built = builder.build({}, fake::soon(), {});
    EXPECT_TRUE(built) << (built ? "" : built.error().what);
    return built ? *std::move(built) : StepBuild{};
  }

  TempDir dir_ = *TempDir::create("holdfast-steps");
  std::string first_;
};

TEST_F(Incremental, CompilesOnlyWhatDiffersFromTheStepBefore) {
  const std::string second = commit("init/two.c", "two, changed\n");
  auto builder = *open();
  EXPECT_EQ(step(builder, first_).objects, 2U);
  const StepBuild next = step(builder, second);
  ASSERT_TRUE(next.kernel);
  EXPECT_EQ(next.objects, 1U);
  EXPECT_EQ(fake::read(builder.tree().dir() / "obj/init/two.o"), "two, changed\n");
  EXPECT_EQ(next.kernel->build_id, fake::kBuildId);
}

TEST_F(Incremental, GoesOnWhereAnotherOneHasStopped) {
  const std::string second = commit("init/two.c", "two, changed\n");
  {
    auto builder = *open();
    step(builder, first_);
  }
  auto builder = *open();
  EXPECT_EQ(step(builder, second).objects, 1U);
}

TEST_F(Incremental, TakesTheSameContentFromTheStore) {
  const std::string second = commit("init/two.c", "WARN 7:2: warning: unused variable 'x'\n");
  const std::string third = commit("init/two.c", "two\n");
  auto builder = *open();
  step(builder, first_);
  const StepBuild warns = step(builder, second);
  const StepBuild back = step(builder, third);
  EXPECT_TRUE(back.from_store);
  EXPECT_THAT(back.warnings, IsEmpty());
  const StepBuild again = step(builder, second);
  EXPECT_TRUE(again.from_store);
  EXPECT_EQ(again.warnings, warns.warnings);
}

TEST_F(Incremental, KnowsTheWarningsOfObjectsThatWereMadeBefore) {
  const std::string warns = commit("init/one.c", "WARN 3:1: warning: unused variable 'x'\n");
  const std::string other = commit("init/two.c", "a\nWARN 2:1: warning: unused variable 'y'\n");
  const std::string mended = commit("init/one.c", "one again\n");
  auto builder = *open();
  const StepBuild base = step(builder, first_);
  EXPECT_THAT(base.warnings, IsEmpty());
  const StepBuild one = step(builder, warns);
  EXPECT_THAT(new_warnings(base.warnings, one.warnings),
              ElementsAre(Warning{.file = "init/one.c", .line = 3, .text = "unused variable 'x'"}));
  const StepBuild two = step(builder, other);
  EXPECT_EQ(two.warnings.size(), 2U);
  EXPECT_THAT(new_warnings(one.warnings, two.warnings),
              ElementsAre(Warning{.file = "init/two.c", .line = 2, .text = "unused variable 'y'"}));
  EXPECT_THAT(step(builder, mended).warnings,
              ElementsAre(Warning{.file = "init/two.c", .line = 2, .text = "unused variable 'y'"}));
}

TEST_F(Incremental, SaysWhyThereIsNoKernelAndGoesOn) {
  const std::string broken = commit("init/one.c", "BROKEN\n");
  const std::string mended = commit("init/one.c", "mended\n");
  auto builder = *open();
  const StepBuild step_broken = step(builder, broken);
  EXPECT_FALSE(step_broken.kernel);
  EXPECT_THAT(step_broken.trouble, HasSubstr("init/one.c:3:1: error: expected ';'"));
  EXPECT_THAT(step_broken.errors, HasSubstr("init/one.c:3:1: error: expected ';'"));
  EXPECT_THAT(fake::read(step_broken.log), HasSubstr("CC      init/one.o"));
  const StepBuild step_mended = step(builder, mended);
  EXPECT_TRUE(step_mended.kernel);
  EXPECT_THAT(step_mended.trouble, IsEmpty());
}

TEST_F(Incremental, SaysWhenTheConfigurationIsAnother) {
  const std::string other = commit("extra.config", "CONFIG_MORE=7\nCONFIG_NEW=y\n");
  const std::string same = commit("init/two.c", "more\n");
  auto builder = *open();
  EXPECT_THAT(step(builder, first_).config_changes, IsEmpty());
  EXPECT_THAT(step(builder, other).config_changes, ElementsAre("CONFIG_MORE: y -> 7", "CONFIG_NEW: n -> y"));
  EXPECT_THAT(step(builder, same).config_changes, IsEmpty());
}

TEST_F(Incremental, SaysWhenTheTreeLacksWhatTheConfigurationAsksFor) {
  fake::write(at("guest.config"), "CONFIG_PCI=y\nCONFIG_MORE=m\n");
  auto builder = *open();
  const StepBuild lacking = step(builder, first_);
  EXPECT_FALSE(lacking.kernel);
  EXPECT_THAT(lacking.trouble, HasSubstr("CONFIG_MORE"));
}

/// Half an object, as a killed compiler leaves it: newer than its source.
void write_half(const fs::path& object) {
  fake::write(object, "half");
  fs::last_write_time(object, fs::file_time_type::clock::now() + std::chrono::seconds(5));
}

TEST_F(Incremental, CompilesAnewWhatAKilledOneMayHaveLeftHalf) {
  const std::string second = commit("init/one.c", "one, changed\n");
  for (const bool killed : {false, true}) {
    auto builder = std::make_unique<IncrementalBuild>(*open());
    const fs::path src = builder->tree().dir();
    step(*builder, first_);
    builder.reset();
    if (killed) fake::write(src.parent_path() / "unfinished", "");
    write_half(src / "obj/init/two.o");
    builder = std::make_unique<IncrementalBuild>(*open());
    fs::remove_all(at("cache") / "kernels");
    step(*builder, second);
    // Without the mark make cannot know better: that is what the mark is for.
    EXPECT_EQ(fake::read(src / "obj/init/two.o"), killed ? "two\n" : "half") << killed;
    fs::remove_all(at("cache"));
  }
}

TEST_F(Incremental, GivesTwoAtOnceAFolderEach) {
  auto one = *open();
  auto two = *open();
  EXPECT_NE(one.tree().dir(), two.tree().dir());
  EXPECT_EQ(step(one, first_).objects, 2U);
  EXPECT_TRUE(step(two, first_).from_store);
}

TEST_F(Incremental, RemovesFoldersThatNobodyHasUsedForLong) {
  const fs::path folder = open()->tree().dir().parent_path();
  fs::last_write_time(folder.string() + ".lock", fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
  commit("init/one.c", "x\n");
  fake::write(at("guest.config"), "CONFIG_PCI=y\nCONFIG_MORE=y\n");
  const fs::path other = open()->tree().dir().parent_path();
  EXPECT_NE(folder, other);
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(other));
}

}  // namespace
}  // namespace holdfast
