// Does a mirror come to hold exactly a tree's files, whatever it held before, without a change to the tree?
#include "harness/kernel/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/kernel/fake_tree.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class Mirror : public testing::TestWithParam<CopyMode> {
 protected:
  Mirror() { fake::tree(tree()); }
  fs::path tree() const { return top_.path() / "linux"; }
  fs::path copy() const { return top_.path() / "copy"; }
  Result<void> mirror(const Stop* stop = nullptr) {
    const auto looked = look_at_tree(tree(), top_.path() / "cache", TreeLook::kFiles, fake::soon());
    return mirror_tree(*looked, copy(), GetParam(), Deadline::after(std::chrono::seconds(60), stop), {});
  }
  /// Every file with its content, every link with its aim.
  static std::map<std::string, std::string> content(const fs::path& dir) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(dir)) {
      const std::string path = entry.path().lexically_relative(dir).string();
      if (entry.is_symlink()) {
        found[path] = "-> " + fs::read_symlink(entry.path()).string();
      } else if (entry.is_regular_file()) {
        const bool program = (entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none;
        found[path] = (program ? "program " : "file ") + fake::read(entry.path());
      }
    }
    return found;
  }
  void expect_same() {
    const auto before = content(tree());
    ASSERT_TRUE(mirror());
    EXPECT_EQ(content(copy()), before);
    EXPECT_EQ(content(tree()), before);
  }

  TempDir top_ = *TempDir::create("holdfast-mirror");
};

TEST_P(Mirror, HoldsFilesLinksAndPrograms) {
  fake::write(tree() / "scripts/run", "#!/bin/sh\n");
  fs::permissions(tree() / "scripts/run", fs::perms::owner_exec, fs::perm_options::add);
  fs::create_symlink("../Kconfig", tree() / "scripts/link");
  fs::create_symlink("nowhere", tree() / "dangling");
  expect_same();
}

TEST_P(Mirror, IsMendedWhereItDiffers) {
  expect_same();
  fake::write(tree() / "init/large.c", std::string(200'000, 'a'));
  expect_same();
  const std::string changed = std::string(199'999, 'a') + "b";
  fs::remove(copy() / "init/large.c");
  fake::write(copy() / "init/large.c", changed);                  // same size, other content
  fs::remove(copy() / "Kconfig");                                 // gone
  fake::write(copy() / "obj/init/main.o", "left by a build");     // a folder too many
  fake::write(copy() / "drivers/vfio/x.rej", "left by a patch");  // a file too many
  fs::remove_all(copy() / "init/main.c");
  fake::write(copy() / "init/main.c/file", "a folder where a file belongs");
  fs::remove_all(copy() / "drivers/vfio");
  fs::create_symlink("/etc", copy() / "drivers/vfio");  // a link where a folder belongs
  expect_same();
  EXPECT_TRUE(fs::exists("/etc/passwd"));
}

TEST_P(Mirror, FollowsTheTreeWhenThatChanges) {
  expect_same();
  fs::remove(tree() / "drivers/vfio/Kconfig");
  fs::permissions(tree() / "init/main.c", fs::perms::owner_exec, fs::perm_options::add);
  fake::write(tree() / "init/main.c", "int other;\n");
  fs::remove_all(tree() / "drivers");
  fake::write(tree() / "drivers", "a file now");
  expect_same();
}

TEST_P(Mirror, IsPatchedWithoutTouchingTheTree) {
  ASSERT_TRUE(mirror());
  const auto before = content(tree());
  fake::write(top_.path() / "p", fake::kGoodPatch);
  ASSERT_TRUE(fake::shell("patch -p1 --batch < ../p", copy()));
  EXPECT_NE(content(copy()), before);
  EXPECT_EQ(content(tree()), before);
  expect_same();
}

TEST_P(Mirror, SharesAFileOnlyWhenToldSo) {
  ASSERT_TRUE(mirror());
  EXPECT_EQ(fs::hard_link_count(tree() / "init/main.c"), GetParam() == CopyMode::kLinks ? 2U : 1U);
}

TEST_P(Mirror, StopsAndIsMendedLater) {
  const Stop stop = *Stop::create();
  stop.request();
  const auto stopped = mirror(&stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, "stopped");
  expect_same();
}

INSTANTIATE_TEST_SUITE_P(Copy, Mirror, testing::Values(CopyMode::kBytes, CopyMode::kLinks),
                         [](const auto& each) { return each.param == CopyMode::kBytes ? "Bytes" : "Links"; });

}  // namespace
}  // namespace holdfast
