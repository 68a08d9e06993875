// Do patches apply as `git am` has them, is one that does not a result, and does the user's tree stay as it was?
#include "harness/series/apply.h"

#include <sys/stat.h>

#include "harness/series/checkpatch.h"
#include "harness/series/series_test.h"
#include "harness/series/wishes.h"

namespace holdfast::series {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Apply : public SeriesTree {
 protected:
  Applied apply(const std::string& parent, const PostedPatch& patch) const {
    const auto applied = apply_patch(*tree_, parent, patch, fake::soon());
    EXPECT_TRUE(applied) << applied.error().what;
    return applied ? *applied : Applied{};
  }
  /// All that a user could notice: refs, status, work trees, the time of the index, objects.
  std::string trace() const {
    struct stat index{};
    EXPECT_EQ(::stat((user() / ".git/index").c_str(), &index), 0);
    return git({"for-each-ref"}) + git({"worktree", "list"}) + git({"count-objects", "-v"}) + git({"stash", "list"}) +
           std::to_string(index.st_mtim.tv_sec) + "." + std::to_string(index.st_mtim.tv_nsec) +
           (fs::exists(user() / ".git/index.lock") ? "locked" : "") + git({"status", "--porcelain"});
  }
};

TEST_F(Apply, MakesACommitWithWhatTheMailSays) {
  const Applied one = apply(base_, patch(1, 3, "three"));
  ASSERT_NE(one.commit, "") << one.refusal;
  EXPECT_EQ(file_at(one.commit), lines_with(3, "three"));
  const Applied two = apply(one.commit, patch(2, 9, "nine"));
  EXPECT_THAT(file_at(two.commit), HasSubstr("three"));
  EXPECT_THAT(file_at(two.commit), HasSubstr("nine"));
  const std::string facts = *ask_git(
      tree_->dir(), {"show", "--no-patch", "--format=%an|%ae|%ad|%P|%B", "--date=rfc", two.commit}, fake::soon());
  EXPECT_THAT(facts, HasSubstr("A Dev|a@example.org|Fri, 6 Nov 2026 10:00:00 +0100|" + one.commit));
  EXPECT_THAT(facts, HasSubstr("patch 2\n\nWhy."));
}

TEST_F(Apply, GivesTheSameCommitForTheSameMails) {
  EXPECT_EQ(apply(base_, patch(1, 3, "three")).commit, apply(base_, patch(1, 3, "three")).commit);
  PostedPatch strange = patch(1, 3, "three");
  strange.date = "yesterday or so, noon";
  EXPECT_NE(apply(base_, strange).commit, "") << "a date that nobody can read is no hindrance";
}

TEST_F(Apply, LeavesTheUsersTreeAndTheFilesOfItsOwnAlone) {
  fake::write(user() / "a", lines_with(5, "being worked on"));
  fake::write(user() / "untracked", "x\n");
  struct stat before{};
  ASSERT_EQ(::stat((tree_->dir() / "a").c_str(), &before), 0);
  const std::string trace_before = trace();
  EXPECT_NE(apply(base_, patch(1, 3, "three")).commit, "");
  EXPECT_EQ(apply(base_, patch(1, 3, "x", "something else")).commit, "");
  EXPECT_EQ(trace(), trace_before);
  EXPECT_EQ(fake::read(user() / "a"), lines_with(5, "being worked on"));
  struct stat after{};
  ASSERT_EQ(::stat((tree_->dir() / "a").c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec) << "make would compile it again";
  // The control: what a stray branch would look like.
  git({"branch", "stray"});
  EXPECT_NE(trace(), trace_before);
}

TEST_F(Apply, SaysWhereAPatchDoesNotFit) {
  const Applied refused = apply(base_, patch(1, 3, "three", "something else"));
  EXPECT_EQ(refused.commit, "");
  EXPECT_EQ(refused.refusal, "a hunk does not fit at a:2");
  EXPECT_THAT(refused.said, HasSubstr("patch does not apply"));
  PostedPatch elsewhere = patch(1, 3, "three");
  elsewhere.diff = "--- a/nowhere\n+++ b/nowhere\n@@ -1 +1 @@\n-1\n+2\n";
  EXPECT_THAT(apply(base_, elsewhere).refusal, HasSubstr("nowhere"));
  elsewhere.diff = "";
  EXPECT_EQ(apply(base_, elsewhere).refusal, "there is no diff in it");
}

TEST_F(Apply, MergesWhereTheFilesMeantAreKnown) {
  // Made for a file in which a line of the context was another one; git knows that file.
  fake::write(user() / "a", lines_with(2, "two"));
  const std::string other = commit("another base");
  std::string changed = lines_with(2, "two");
  changed.replace(changed.find("line 5"), 6, "five");
  fake::write(user() / "a", changed);
  const std::string made = commit("for that one");
  PostedPatch mail = patch(1, 3, "x");
  mail.diff = git({"diff", "--full-index", other, made}) + "\n";
  const Applied merged = apply(base_, mail);
  ASSERT_NE(merged.commit, "") << merged.refusal;
  EXPECT_THAT(merged.note, HasSubstr("3-way merge"));
  EXPECT_EQ(file_at(merged.commit), lines_with(5, "five"));
}

TEST_F(Apply, TakesACommitThatFollowsAndPicksOneThatDoesNot) {
  fake::write(user() / "a", lines_with(3, "three"));
  const std::string first = commit("one");
  std::string both = lines_with(3, "three");
  both.replace(both.find("line 9"), 6, "nine");
  fake::write(user() / "a", both);
  const std::string second = commit("two");
  const auto posted = commits_between(*tree_, base_, second, fake::soon());
  ASSERT_TRUE(posted) << posted.error().what;
  ASSERT_EQ(posted->patches.size(), 2U);
  EXPECT_EQ(posted->patches[0].subject, "one");
  EXPECT_EQ(apply(base_, posted->patches[0]).commit, first);
  const Applied picked = apply(base_, posted->patches[1]);
  EXPECT_NE(picked.commit, second);
  EXPECT_EQ(file_at(picked.commit), lines_with(9, "nine"));
  EXPECT_FALSE(commits_between(*tree_, second, first, fake::soon())) << "there is nothing in it";
}

TEST_F(Apply, LeavesMergesOutOfARangeAndSaysSo) {
  git({"checkout", "-q", "-b", "side"});
  fake::write(user() / "b", "1\n");
  commit("aside");
  git({"checkout", "-q", "main"});
  git({"merge", "-q", "--no-ff", "--no-edit", "side"});
  const auto posted = commits_between(*tree_, base_, git({"rev-parse", "HEAD"}), fake::soon());
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->patches.size(), 1U);
  EXPECT_THAT(posted->notes, testing::ElementsAre(HasSubstr("1 merge")));
}

TEST_F(Apply, AnOptionThatTheSeriesBringsMayBeAskedForAndOneThatNobodyKnowsMayNot) {
  fake::write(user() / "sub/Kconfig", "config OLD\n\tbool \"x\"\n");
  const std::string old = commit("one");
  fake::write(user() / "sub/Kconfig", "config OLD\n\tbool \"x\"\nmenuconfig NEW_ONE\n\tbool \"y\"\n");
  const std::string tip = commit("two");
  fake::write(dir_.path() / "f", "CONFIG_NEW_ONE=y\n# CONFIG_NEVER_HEARD is not set\n");
  EXPECT_TRUE(check_wishes(*tree_, {old, tip}, {dir_.path() / "f"}, fake::soon()));
  const auto unknown = check_wishes(*tree_, {old}, {dir_.path() / "f"}, fake::soon());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().what, HasSubstr("CONFIG_NEW_ONE"));
}

TEST(Totals, AreReadFromTheLastLines) {
  StyleCheck check;
  EXPECT_TRUE(read_totals("WARNING: x\n\ntotal: 1 errors, 12 warnings, 30 lines checked\n\nNOTE: y\n", check));
  EXPECT_EQ(check.errors, 1);
  EXPECT_EQ(check.warnings, 12);
  EXPECT_TRUE(read_totals("total: 0 errors, 1 warnings, 2 checks, 30 lines checked\n", check));
  EXPECT_EQ(check.warnings, 1);
  EXPECT_FALSE(read_totals("Must be run from the top-level dir. of a kernel tree\n", check));
}

TEST_F(Apply, TheTreesOwnCheckpatchSeesTheCommitAsAMail) {
  const Applied one = apply(base_, patch(1, 3, "three"));
  EXPECT_THAT(check_style(*tree_, one.commit, fake::soon())->reason, HasSubstr("no scripts/checkpatch.pl"));
  fake::write(tree_->dir() / "scripts/checkpatch.pl",
              "my $n = 0; while (<STDIN>) { $n++ if /^\\+three/ || /^Subject: .PATCH. patch 1/; }\n"
              "print \"ERROR: bad\\n#3: FILE: a:3:\\ntotal: $n errors, 0 warnings, 3 lines checked\\n\"; exit 1;\n");
  const auto found = check_style(*tree_, one.commit, fake::soon());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->ran) << found->reason;
  EXPECT_EQ(found->errors, 2);
  fake::write(tree_->dir() / "scripts/checkpatch.pl", "die \"no tree\\n\";\n");
  const auto died = check_style(*tree_, one.commit, fake::soon());
  ASSERT_TRUE(died);
  EXPECT_FALSE(died->ran);
  EXPECT_THAT(died->reason, HasSubstr("no tree"));
}

}  // namespace
}  // namespace holdfast::series
