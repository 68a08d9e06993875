// Is a tree recognised, keyed by its content and copied, without a trace left in it?
#include "harness/kernel/kernel_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/kernel/fake_tree.h"
#include "harness/kernel/mirror.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// Every file below a folder with size, mode, time and content: what must not change.
std::string state_of(const fs::path& dir) {
  const auto output = run(
      {.argv =
           {"sh", "-c",
            "find . -printf '%p %y %s %m %T@ %C@\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum"},
       .cwd = dir},
      fake::soon());
  return output->out;
}

class Tree : public testing::Test {
 protected:
  Tree() { fake::tree(dir()); }
  fs::path dir() const { return top_.path() / "linux-7.3"; }
  KernelTree look(TreeLook what = TreeLook::kFiles) {
    auto tree = look_at_tree(dir(), top_.path() / "cache", what, fake::soon());
    EXPECT_TRUE(tree) << tree.error().what;
    return *std::move(tree);
  }
  std::string key() { return look(TreeLook::kKey).key; }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const TreeFile& file : look().files) names.push_back(file.path);
    return names;
  }
  void make_checkout() {
    fake::write(dir() / ".gitignore", "*.o\n/secret\n.config\n");
    ASSERT_TRUE(fake::shell("git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm base", dir()));
  }

  TempDir top_ = *TempDir::create("holdfast-tree");
};

TEST_F(Tree, IsKnownByItsVersion) { EXPECT_EQ(look().version, "7.3.4"); }

TEST_F(Tree, IsNamedWhenItIsOneBelow) {
  const auto version = kernel_version_of(top_.path());
  ASSERT_FALSE(version);
  EXPECT_THAT(version.error().what, testing::AllOf(HasSubstr("no Makefile"), HasSubstr("no Kconfig")));
  EXPECT_THAT(version.error().hint, HasSubstr("its subfolder linux-7.3?"));
}

TEST_F(Tree, IsNamedWhenItIsOneAboveOrBeside) {
  EXPECT_THAT(kernel_version_of(dir() / "init").error().hint, HasSubstr(dir().string()));
  EXPECT_THAT(kernel_version_of(top_.path() / "linux-7.2").error().hint, HasSubstr("linux-7.3"));
  EXPECT_THAT(kernel_version_of(dir() / "Makefile").error().what, HasSubstr("is a file"));
}

TEST_F(Tree, IsNoneWhenTheMakefileHasNoVersion) {
  fake::write(dir() / "Makefile", "all:\n");
  EXPECT_THAT(kernel_version_of(dir()).error().what, HasSubstr("no VERSION"));
}

TEST_F(Tree, KeyOfAnUnpackedOneChangesWithItsFiles) {
  const std::string before = key();
  EXPECT_EQ(key(), before);
  fake::write(dir() / "init/main.c", "int x;\n");
  const std::string edited = key();
  EXPECT_NE(edited, before);
  fake::write(dir() / "init/new.c", "");
  EXPECT_NE(key(), edited);
}

TEST_F(Tree, LeavesOutWhatABuildInsideItMade) {
  for (const char* product : {"init/main.o", "vmlinux", "drivers/x.ko", "init/.main.o.cmd", "built-in.a"})
    fake::write(dir() / product, "x");
  for (const char* product : {"init/main.o", "vmlinux", "drivers/x.ko", "init/.main.o.cmd", "built-in.a"}) {
    EXPECT_THAT(files(), Not(Contains(product)));
  }
  EXPECT_THAT(files(), Contains("init/main.c"));
}

TEST_F(Tree, KeyOfACheckoutIsThatOfItsContent) {
  make_checkout();
  const std::string clean = key();
  fake::write(dir() / "init/main.c", "int x;\n");
  const std::string edited = key();
  EXPECT_NE(edited, clean);
  fake::write(dir() / "init/main.c", "int y;\n");
  EXPECT_NE(key(), edited);
  fake::write(dir() / "init/main.c", fake::kMainC);  // as committed, at another time
  EXPECT_EQ(key(), clean);
  fake::write(dir() / "init/new.c", "");
  const std::string untracked = key();
  EXPECT_NE(untracked, clean);
  fs::remove(dir() / "init/new.c");
  fake::write(dir() / "secret", "ignored");
  EXPECT_EQ(key(), clean);
  fs::remove(dir() / "init/main.c");
  EXPECT_NE(key(), clean);
  EXPECT_THAT(files(), Not(Contains("init/main.c")));
}

TEST_F(Tree, CheckoutsOfOneCommitShareTheirKey) {
  make_checkout();
  const std::string original = key();
  ASSERT_TRUE(fake::shell("git clone -q linux-7.3 clone && git -C linux-7.3 worktree add -q ../worktree", top_.path()));
  for (const char* other : {"clone", "worktree"}) {
    const auto tree = look_at_tree(top_.path() / other, top_.path() / "cache", TreeLook::kKey, fake::soon());
    ASSERT_TRUE(tree) << tree.error().what;
    EXPECT_EQ(tree->key, original) << other;
  }
}

TEST_F(Tree, StaysAsItWasWhenItIsLookedAtAndCopied) {
  make_checkout();
  fake::write(dir() / "init/main.c", "int x;\n");
  fake::write(dir() / "init/untracked.c", "int u;\n");
  ASSERT_TRUE(fake::shell("touch Kconfig", dir()));  // the index is out of date: git would like to refresh it
  const std::string before = state_of(dir());
  ASSERT_TRUE(mirror_tree(look(), top_.path() / "copy", CopyMode::kBytes, fake::soon(), {}));
  EXPECT_EQ(state_of(dir()), before);
  EXPECT_EQ(fake::read(top_.path() / "copy/init/main.c"), "int x;\n");
  EXPECT_TRUE(fs::exists(top_.path() / "copy/init/untracked.c"));
  EXPECT_FALSE(fs::exists(top_.path() / "copy/.git"));
  // The control: a plain git status does leave a trace, which this test would see.
  ASSERT_TRUE(fake::shell("git status -s", dir()));
  EXPECT_NE(state_of(dir()), before);
}

TEST_F(Tree, IsReadThroughALinkAndInspiteOfAnotherGitEnvironment) {
  make_checkout();
  const std::string original = key();
  fs::create_directory_symlink(dir(), top_.path() / "link");
  const fake::ScopedEnv elsewhere("GIT_DIR", "/nowhere");
  const auto tree = look_at_tree(top_.path() / "link", top_.path() / "cache", TreeLook::kKey, fake::soon());
  ASSERT_TRUE(tree) << tree.error().what;
  EXPECT_EQ(tree->key, original);
}

TEST_F(Tree, WithoutACommitIsTakenAsUnpacked) {
  ASSERT_TRUE(fake::shell("git init -q", dir()));
  EXPECT_EQ(look().describe, "unpacked");
  EXPECT_THAT(files(), Not(Contains(HasSubstr(".git/"))));
}

}  // namespace
}  // namespace holdfast
