// Do the kernel verbs choose source, series, configuration and name as documented when little is said?
#include "harness/kernel/kernel_verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/kernel/fake_tree.h"
#include "harness/kernel/toolchain.h"

namespace holdfast::kernel {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Fits on top of kGoodPatch, and brings an option.
constexpr std::string_view kFaultPatch =
    "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,6 +1,6 @@\n int main(void)\n {\n-\treturn 1;\n+\treturn 2;\n }\n"
    " /* a */\n /* b */\n"
    "--- /dev/null\n+++ b/init/Kconfig\n@@ -0,0 +1,2 @@\n+config FAULTS\n+\tbool \"x\"\n";

class Verbs : public testing::Test {
 protected:
  void SetUp() override {
    if (!require_build_tools()) GTEST_SKIP() << require_build_tools().error().what;
    fake::write(at("data/kernel/guest.config"), "CONFIG_PCI=y\n");
    fake::write(at("data/kernel/series.config"), "CONFIG_VFIO_PCI=y\n");
    fake::write(at("data/kernel/series/series"), "0001-one.patch\n");
    fake::write(at("data/kernel/series/0001-one.patch"), fake::kGoodPatch);
    fake::write(at("data/kernel/faults.config"), "CONFIG_FAULTS=y\n");
    fake::write(at("data/kernel/faults/series"), "../series/0001-one.patch\n0002-two.patch\n");
    fake::write(at("data/kernel/faults/0002-two.patch"), kFaultPatch);
    fetched("7.3", fake::kMainC);
  }
  fs::path at(const std::string& name) const { return dir_.path() / name; }
  /// A source in the cache, as a fetch leaves it.
  void fetched(const std::string& series, std::string_view main_c) {
    const fs::path place = at("cache/sources/linux-source-" + series + "_" + series + ".1-1");
    fake::tree(place / "tree");
    fake::write(place / "tree/init/main.c", main_c);
    fake::write(place / "package", "linux-source-" + series + "\n" + series + ".1-1\nabc\n");
  }
  Result<Built> made(BuildOptions options) {
    options.cache = at("cache");
    return build(options, fake::soon());
  }

  TempDir dir_ = *TempDir::create("holdfast-verbs");
  fake::ScopedEnv data_{"HOLDFAST_DATA", (dir_.path() / "data").string()};
};

TEST_F(Verbs, BuildTheReferenceWhenNothingIsSaid) {
  const auto built = made({});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("reference"));
  EXPECT_EQ(built->kernel.source, "Debian linux-source-7.3 7.3.1-1");
  EXPECT_EQ(built->kernel.series, "reference, 1 patch");
  EXPECT_THAT(fake::read(built->kernel.config()), AllOf(HasSubstr("CONFIG_PCI=y"), HasSubstr("CONFIG_VFIO_PCI=y")));
  EXPECT_EQ(resolve("reference", fake::soon(), at("cache"))->path, built->kernel.image());
}

TEST_F(Verbs, BuildStockFromTheSourceThatTheReferenceFits) {
  fetched("7.4", "int rewritten;\n");
  const auto built = made({.series = "none"});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("stock"));
  EXPECT_THAT(built->kernel.series, IsEmpty());
  EXPECT_EQ(built->kernel.source, "Debian linux-source-7.3 7.3.1-1");
  EXPECT_THAT(built->notes, ElementsAre(HasSubstr("linux-source-7.4")));
}

TEST_F(Verbs, BuildTheFaultSwitchesOnTopOfTheReference) {
  const auto built = made({.series = "faults"});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("faults"));
  EXPECT_EQ(built->kernel.series, "faults, 2 patches");
  EXPECT_THAT(fake::read(built->kernel.config()),
              AllOf(HasSubstr("CONFIG_PCI=y"), HasSubstr("CONFIG_VFIO_PCI=y"), HasSubstr("CONFIG_FAULTS=y")));
  EXPECT_THAT(fake::read(at("cache/build/src/init/main.c")), HasSubstr("return 2;"));
}

TEST_F(Verbs, BuildNoFaultSwitchIntoTheReference) {
  const auto built = made({.series = "reference"});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("reference"));
  EXPECT_EQ(built->kernel.key, made({})->kernel.key);
  EXPECT_THAT(fake::read(built->kernel.config()), Not(HasSubstr("FAULTS")));
  EXPECT_THAT(fake::read(at("cache/build/src/init/main.c")), HasSubstr("return 1;"));
}

TEST_F(Verbs, BuildTheFaultSwitchesIntoATreeUnderItsOwnName) {
  fake::tree(at("mine"));
  const auto built = made({.tree = at("mine"), .series = "faults"});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("mine"));
  EXPECT_EQ(built->kernel.series, "faults, 2 patches");
  EXPECT_THAT(fake::read(at("mine/init/main.c")), HasSubstr("return 0;"));
}

TEST_F(Verbs, BuildATreeWithoutASeriesUnderItsOwnName) {
  fake::tree(at("my tree"));
  fs::remove(at("my tree") / "drivers/vfio/Kconfig");
  const auto built = made({.tree = at("my tree") / ""});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("my-tree"));
  EXPECT_THAT(built->kernel.series, IsEmpty());
  EXPECT_THAT(fake::read(built->kernel.config()), Not(HasSubstr("VFIO_PCI")));
}

TEST_F(Verbs, TakeSeriesFragmentsAndName) {
  fake::write(at("mine.mbox"), fake::kGoodPatch);
  fake::write(at("more.config"), "CONFIG_PCI=m\n");
  const auto built = made({.series = at("mine.mbox").string(), .config = {at("more.config")}, .name = "own"});
  ASSERT_TRUE(built) << built.error().what;
  EXPECT_THAT(built->kernel.names, ElementsAre("own"));
  EXPECT_THAT(built->kernel.series, AllOf(HasSubstr("mine.mbox"), HasSubstr("1 patch")));
  EXPECT_THAT(fake::read(built->kernel.config()), HasSubstr("CONFIG_PCI=m"));
}

TEST_F(Verbs, ListAndRemove) {
  EXPECT_THAT(*list(at("cache")), IsEmpty());
  ASSERT_TRUE(made({}));
  EXPECT_EQ(list(at("cache"))->size(), 1U);
  EXPECT_THAT(rm("referense", at("cache")).error().hint, HasSubstr("did you mean reference?"));
  ASSERT_TRUE(rm("reference", at("cache")));
  EXPECT_THAT(*list(at("cache")), IsEmpty());
}

TEST_F(Verbs, NameASeriesThatIsNotThere) {
  const auto built = made({.series = at("data/kernel/serie").string()});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().kind, "usage");
  EXPECT_THAT(built.error().hint, HasSubstr("data/kernel/series"));
}

}  // namespace
}  // namespace holdfast::kernel
