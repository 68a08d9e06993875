// Is the history what lies between two commits, and are mistakes in naming them told?
#include "harness/bisect/revisions.h"

#include <gmock/gmock.h>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::bisect {
namespace fs = std::filesystem;
namespace {

using testing::HasSubstr;

class BisectRevisions : public testing::Test {
 protected:
  std::string git(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {
        "git", "-C", tree_.string(), "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgSign=false"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto output = run({.argv = argv}, deadline());
    EXPECT_TRUE(output && output->status.success()) << arguments[0] << ": " << (output ? output->err : "");
    return output ? std::string(trim(output->out)) : "";
  }
  std::string commit(const std::string& file, const std::string& text) {
    EXPECT_TRUE(write_file(tree_ / file, text));
    git({"add", "-A"});
    git({"commit", "-qm", "change " + file});
    return git({"rev-parse", "HEAD"});
  }
  void SetUp() override {
    fs::create_directories(tree_);
    git({"init", "-q", "-b", "main"});
    first_ = commit("a", "1\n");
    second_ = commit("b", "1\n");
    third_ = commit("a", "2\n");
  }
  static Deadline deadline() { return Deadline::after(std::chrono::seconds(60)); }

  TempDir dir_ = *TempDir::create();
  fs::path tree_ = dir_.path() / "tree";
  std::string first_, second_, third_;
};

TEST_F(BisectRevisions, TheHistoryIsWhatLiesBetween) {
  git({"checkout", "-q", "-b", "side", first_});
  const std::string aside = commit("c", "1\n");
  git({"checkout", "-q", "main"});
  git({"merge", "-q", "--no-edit", "side"});
  const std::string merge = git({"rev-parse", "HEAD"});
  const auto history = history_between(tree_, first_, merge, deadline());
  ASSERT_TRUE(history) << history.error().what;
  ASSERT_EQ(history->size(), 5U);
  EXPECT_EQ((*history)[0].id, first_);
  EXPECT_EQ((*history)[4].id, merge);
  EXPECT_EQ(history->parents(4).size(), 2U);
  EXPECT_THAT((*history)[4].subject, HasSubstr("Merge"));
}

TEST_F(BisectRevisions, SaysWhatIsWrongWithTheEnds) {
  const auto reversed = history_between(tree_, third_, first_, deadline());
  ASSERT_FALSE(reversed);
  EXPECT_EQ(reversed.error().type(), "harness.usage");
  EXPECT_THAT(reversed.error().hint, HasSubstr(first_));
  EXPECT_THAT(commit_of(tree_, "v9", deadline()).error().what, HasSubstr("'v9'"));
  EXPECT_THAT(commit_of(tree_, "mian", deadline()).error().hint, HasSubstr("'main'"));
  EXPECT_THAT(commit_of(dir_.path(), "HEAD", deadline()).error().what, HasSubstr("no git checkout"));
  EXPECT_FALSE(history_between(tree_, first_, first_, deadline()));
}

}  // namespace
}  // namespace holdfast::bisect
