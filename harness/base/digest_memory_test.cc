// Is a remembered checksum always that of the file as it is now?
#include "harness/base/digest_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/time.h>

#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class DigestMemoryTest : public testing::Test {
 protected:
  /// A file that stat(2) says has long been as it is. Its ctime cannot be set, so the facts are made up.
  struct stat settled(std::string_view content) {
    EXPECT_TRUE(write_file(file_, content));
    struct stat facts{};
    EXPECT_EQ(::stat(file_.c_str(), &facts), 0);
    facts.st_mtim.tv_sec = facts.st_ctim.tv_sec -= 60;
    return facts;
  }
  size_t notes() const {
    std::error_code none;
    return static_cast<size_t>(std::distance(fs::directory_iterator(dir_.path() / "notes", none), {}));
  }

  const TempDir dir_ = *TempDir::create("digests");
  const fs::path file_ = dir_.path() / "kernel";
  const DigestMemory memory_{dir_.path() / "notes"};
};

TEST_F(DigestMemoryTest, RecallsWhatHasNotChanged) {
  const struct stat facts = settled("one");
  EXPECT_FALSE(memory_.recall(file_, facts));
  memory_.remember(file_, facts, sha256("one"));
  EXPECT_EQ(memory_.recall(file_, facts), sha256("one"));
}

TEST_F(DigestMemoryTest, ForgetsAFileWhoseTimeSizeOrInodeIsAnother) {
  const struct stat facts = settled("one");
  memory_.remember(file_, facts, sha256("one"));
  for (const auto change :
       {+[](struct stat& other) { ++other.st_size; }, +[](struct stat& other) { ++other.st_ino; },
        +[](struct stat& other) { ++other.st_mtim.tv_nsec; }, +[](struct stat& other) { ++other.st_ctim.tv_nsec; }}) {
    struct stat other = facts;
    change(other);
    EXPECT_FALSE(memory_.recall(file_, other));
  }
  EXPECT_FALSE(memory_.recall(dir_.path() / "another", facts));
}

TEST_F(DigestMemoryTest, DoesNotRememberAFileThatChangedAMomentAgo) {
  ASSERT_TRUE(write_file(file_, "one"));
  EXPECT_EQ(*memory_.sha256_of(file_), sha256("one"));
  EXPECT_EQ(notes(), 0U);
  ASSERT_TRUE(write_file(file_, "two"));
  EXPECT_EQ(*memory_.sha256_of(file_), sha256("two"));
}

TEST_F(DigestMemoryTest, BelievesNoNoteThatWasCutOff) {
  const struct stat facts = settled("one");
  memory_.remember(file_, facts, sha256("one").substr(1));
  ASSERT_EQ(notes(), 1U);
  EXPECT_FALSE(memory_.recall(file_, facts));
}

TEST_F(DigestMemoryTest, SaysWhichFileIsNotThere) {
  const auto digest = memory_.sha256_of(file_);
  ASSERT_FALSE(digest);
  EXPECT_NE(digest.error().what.find(file_.string()), std::string::npos);
}

}  // namespace
}  // namespace holdfast
