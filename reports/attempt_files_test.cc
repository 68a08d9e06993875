// Does a report keep to the folders of its own run?
#include "reports/attempt_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>

#include "harness/base/file.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(AttemptPath, LeadsInwardOrIsRefused) {
  for (const char* inward : {"cases/a/b/attempt-1", "a", "a/../b", "./a"}) EXPECT_TRUE(leads_inward(inward)) << inward;
  for (const char* outward : {"", "..", "../a", "/a", "a/../../b"}) EXPECT_FALSE(leads_inward(outward)) << outward;
}

class AttemptFiles : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
    ASSERT_TRUE(make_dirs(run() / "cases" / "a").ok());
    ASSERT_TRUE(write_file(run() / "cases" / "a" / "pci.diff", "first\nlast\n").ok());
    ASSERT_TRUE(write_file(dir_->path() / "secret", "secret").ok());
  }
  fs::path run() const { return dir_->path() / "run"; }
  std::optional<TempDir> dir_;
};

TEST_F(AttemptFiles, AreListedAndReadToALimit) {
  EXPECT_THAT(attempt_files(run(), "cases/a"), ElementsAre(run() / "cases" / "a" / "pci.diff"));
  EXPECT_EQ(attempt_text(run(), "cases/a", "pci.diff", 100), "first\nlast\n");
  EXPECT_EQ(attempt_text(run(), "cases/a", "pci.diff", 5), "last\n");
  EXPECT_EQ(attempt_text(run(), "cases/a", "nothing", 5), std::nullopt);
}

TEST_F(AttemptFiles, AreNotThoseThatAPathOrALinkLeadsOutTo) {
  fs::create_symlink(dir_->path() / "secret", run() / "cases" / "a" / "console.log");
  fs::create_directory_symlink(dir_->path(), run() / "cases" / "out");
  ASSERT_EQ(::mkfifo((run() / "cases" / "a" / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(attempt_files(run(), "cases/a"), ElementsAre(run() / "cases" / "a" / "pci.diff"));
  EXPECT_EQ(attempt_text(run(), "cases/a", "console.log", 100), std::nullopt);
  EXPECT_EQ(attempt_text(run(), "cases/a", "fifo", 100), std::nullopt);
  for (const char* out : {"cases/out", "..", "cases/../.."}) {
    EXPECT_EQ(attempt_text(run(), out, "secret", 100), std::nullopt) << out;
    EXPECT_THAT(attempt_files(run(), out), IsEmpty()) << out;
  }
  EXPECT_EQ(attempt_text(dir_->path(), ".", "secret", 100), "secret");  // the same file where it may be read
}

}  // namespace
}  // namespace holdfast::reports
