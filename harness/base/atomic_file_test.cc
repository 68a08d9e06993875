// Is a file that is replaced in one step always a whole one?
#include "harness/base/atomic_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness/base/file.h"

namespace holdfast {
namespace {

class AtomicFileTest : public testing::Test {
 protected:
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(dir_.path()), {}));
  }
  const TempDir dir_ = *TempDir::create("atomic");
  const std::filesystem::path file_ = dir_.path() / "report";
};

TEST_F(AtomicFileTest, TakesThePlaceOfTheOldOneAtCommit) {
  ASSERT_TRUE(write_file(file_, "old"));
  auto file = AtomicFile::create(file_);
  ASSERT_TRUE(file);
  const std::string much(1 << 20, 'x');
  file->put("begin ");
  file->put(much);
  EXPECT_EQ(*read_file(file_), "old");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(*read_file(file_), "begin " + much);
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, LeavesTheOldOneWithoutACommit) {
  ASSERT_TRUE(write_file(file_, "old"));
  {
    auto file = AtomicFile::create(file_);
    ASSERT_TRUE(file);
    file->put("new");
    const AtomicFile moved = *std::move(file);
    EXPECT_EQ(files(), 2U);
  }
  EXPECT_EQ(*read_file(file_), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, SaysWhatCouldNotBeReplaced) {
  std::filesystem::create_directories(file_ / "in the way");
  auto file = AtomicFile::create(file_);
  ASSERT_TRUE(file);
  const auto done = file->commit();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find(file_.string()), std::string::npos);
  EXPECT_FALSE(AtomicFile::create(dir_.path() / "no" / "folder"));
}

TEST_F(AtomicFileTest, WritesThroughNoLinkThatSomebodyLaidThere) {
  namespace fs = std::filesystem;
  const fs::path victim = dir_.path() / "victim";
  ASSERT_TRUE(write_file(victim, "untouched"));
  const fs::path path = dir_.path() / "report";
  fs::create_symlink(victim, fmt::format("{}.{}.new", path.string(), ::gettid()));
  ASSERT_TRUE(write_file_atomic(path, "new"));
  EXPECT_EQ(*read_file(victim), "untouched");
  EXPECT_EQ(*read_file(path), "new");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
}

}  // namespace
}  // namespace holdfast
