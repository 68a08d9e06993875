// Is a file that was sent there only when it is whole and what it was said to be?
#include "harness/agent/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

wire::Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::create("files");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    ASSERT_TRUE(make_dirs(folder_->path() / "carried"));
    files_.emplace(folder_->path() / "carried", work());
  }

  fs::path work() const { return folder_->path() / "work"; }

  /// A piece of a file of four bytes.
  Result<wire::PutReply> put(const std::string& sha256, uint64_t offset, std::string_view bytes) {
    return files_->put({.sha256 = sha256, .total_size = 4, .offset = offset, .blob = bytes_of(bytes)});
  }

  std::optional<TempDir> folder_;
  std::optional<Files> files_;
};

TEST_F(FilesTest, KeepsAWholeFileUnderItsChecksum) {
  const std::string name = sha256("abcd");
  EXPECT_EQ(put(name, 0, "ab")->received, 2U);
  EXPECT_FALSE(files_->find(name)) << "not yet whole";
  EXPECT_EQ(put(name, 2, "cd")->received, 4U);
  ASSERT_TRUE(files_->find(name));
  EXPECT_EQ(*read_file(*files_->find(name)), "abcd");
  EXPECT_TRUE(files_->open(name));
}

TEST_F(FilesTest, KeepsAnEmptyFile) {
  ASSERT_TRUE(files_->put({.sha256 = sha256(""), .total_size = 0, .offset = 0, .blob = {}}));
  EXPECT_TRUE(files_->find(sha256("")));
}

TEST_F(FilesTest, KeepsNothingWithAnotherChecksum) {
  const auto wrong = put(sha256("what was promised"), 0, "else");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr(sha256("else")));
  EXPECT_FALSE(files_->find(sha256("what was promised")));
  EXPECT_TRUE(fs::is_empty(work()));
}

TEST_F(FilesTest, TakesNoPieceOutOfTurn) {
  const std::string name = sha256("abcd");
  EXPECT_FALSE(put(name, 2, "cd")) << "without the first piece";
  ASSERT_TRUE(put(name, 0, "ab"));
  EXPECT_FALSE(put(name, 3, "d")) << "with a gap";
  EXPECT_FALSE(put(name, 2, "cd")) << "what came before a mistake is thrown away";
  ASSERT_TRUE(put(name, 0, "ab"));
  EXPECT_FALSE(put(name, 2, "cde")) << "longer than announced";
  ASSERT_TRUE(put(name, 0, "ab"));
  EXPECT_FALSE(put(sha256("other"), 2, "cd")) << "of another file";
  EXPECT_FALSE(files_->find(name));
}

TEST_F(FilesTest, BeginsAnewAtOffsetZero) {
  const std::string name = sha256("abcd");
  ASSERT_TRUE(put(name, 0, "ab"));
  ASSERT_TRUE(put(name, 0, "abc"));
  EXPECT_TRUE(put(name, 3, "d"));
  EXPECT_TRUE(files_->find(name));
}

TEST_F(FilesTest, TakesNoNameThatIsNoChecksum) {
  for (const std::string& name : {std::string("../../etc/passwd"), std::string(), std::string(64, 'A')}) {
    EXPECT_FALSE(put(name, 0, "abcd"));
    EXPECT_FALSE(files_->find(name));
  }
}

TEST_F(FilesTest, FindsWhatThePayloadCarries) {
  const std::string name = sha256("carried");
  ASSERT_TRUE(write_file(folder_->path() / "carried" / name, "carried"));
  ASSERT_TRUE(files_->find(name));
  const auto missing = files_->open(sha256("missing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().type(), "harness.refused");
}

TEST_F(FilesTest, SaysThatThereIsNoSpace) {
  ASSERT_TRUE(make_dirs(work()));
  ASSERT_EQ(::symlink("/dev/full", (work() / "incoming").c_str()), 0);
  const auto full = put(sha256("abcd"), 0, "abcd");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().errnum, ENOSPC);
  EXPECT_EQ(full.error().blame, Blame::kLab);
}

TEST_F(FilesTest, RemovesWhatWasSentWhenToldTo) {
  ASSERT_TRUE(put(sha256("abcd"), 0, "abcd"));
  files_->remove_work();
  EXPECT_FALSE(fs::exists(work()));
}

TEST_F(FilesTest, KeepsNothingWhereOthersCouldPutSomething) {
  const std::string sum(64, 'a');
  fs::create_directory_symlink(folder_->path(), work());
  EXPECT_THAT(put(sum, 0, "ab").error().what, HasSubstr("is not a folder of this user's own"));
  fs::remove(work());
  fs::create_directory(work());
  fs::permissions(work(), fs::perms::all);
  EXPECT_FALSE(put(sum, 0, "ab"));
  fs::permissions(work(), fs::perms::owner_all);
  EXPECT_TRUE(put(sum, 0, "ab")) << "its own";
}

}  // namespace
}  // namespace holdfast::agent
