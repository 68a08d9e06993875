// Is the history what lies between two commits, and are mistakes in naming them told?
#include "harness/bisect/revisions.h"

#include <gmock/gmock.h>

#include "harness/kernel/real_repository.h"

namespace holdfast::bisect {
namespace {

using testing::HasSubstr;

using BisectRevisions = RealRepository;

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
