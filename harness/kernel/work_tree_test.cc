// Does a work tree give each commit's files, leave what is the same alone, and touch nothing of the user's?
#include "harness/kernel/work_tree.h"

#include "harness/kernel/real_repository.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

class WorkTreeOf : public RealRepository {
 protected:
  fs::path place_ = dir_.path() / "place";
};

TEST_F(WorkTreeOf, GoesFromCommitToCommitAndLeavesTheUsersRepositoryAlone) {
  ASSERT_TRUE(write_file(tree_ / "a", "being worked on\n"));
  const std::string before = git({"status", "--porcelain"}) + git({"for-each-ref"}) + git({"worktree", "list"});
  const auto tree = WorkTree::open(tree_, place_, deadline());
  ASSERT_TRUE(tree) << tree.error().what;
  ASSERT_TRUE(tree->go_to(third_, deadline()));
  EXPECT_EQ(*read_file(place_ / "a"), "2\n");
  ASSERT_TRUE(write_file(place_ / "of-no-commit", ""));
  ASSERT_TRUE(tree->go_to(first_, deadline()));
  EXPECT_EQ(*read_file(place_ / "a"), "1\n");
  EXPECT_FALSE(fs::exists(place_ / "b"));
  EXPECT_FALSE(fs::exists(place_ / "of-no-commit"));
  EXPECT_EQ(git({"status", "--porcelain"}) + git({"for-each-ref"}) + git({"worktree", "list"}), before);
  EXPECT_EQ(*read_file(tree_ / "a"), "being worked on\n");
}

TEST_F(WorkTreeOf, LeavesTheTimesOfWhatIsTheSameAndTheObjectsAlone) {
  const auto tree = WorkTree::open(tree_, place_, deadline());
  ASSERT_TRUE(tree->go_to(second_, deadline()));
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::create_directories(place_ / "obj");
  ASSERT_TRUE(write_file(place_ / "obj/a.o", "object"));
  for (const char* file : {"a", "b"}) fs::last_write_time(place_ / file, long_ago);
  ASSERT_TRUE(run_git(place_, {"update-index", "--refresh"}, deadline()));
  ASSERT_TRUE(WorkTree::open(tree_, place_, deadline())->go_to(third_, deadline()));
  EXPECT_EQ(fs::last_write_time(place_ / "b"), long_ago);
  EXPECT_NE(fs::last_write_time(place_ / "a"), long_ago) << "that one differs";
  EXPECT_EQ(*read_file(place_ / "obj/a.o"), "object");
}

TEST_F(WorkTreeOf, NamesItsContentWhetherItIsCommittedOrNot) {
  const auto tree = WorkTree::open(tree_, place_, deadline());
  ASSERT_TRUE(tree->go_to(third_, deadline()));
  const std::string third = *tree->content_id(deadline());
  EXPECT_EQ(third, git({"rev-parse", third_ + "^{tree}"}));
  ASSERT_TRUE(write_file(place_ / "a", "1\n"));
  EXPECT_EQ(*tree->content_id(deadline()), git({"rev-parse", second_ + "^{tree}"}));
}

TEST_F(WorkTreeOf, TakesACommitBackWhereItReverts) {
  const auto tree = WorkTree::open(tree_, place_, deadline());
  ASSERT_TRUE(tree->go_to(third_, deadline()));
  EXPECT_TRUE(*tree->revert(second_, deadline()));
  EXPECT_FALSE(fs::exists(place_ / "b"));
  ASSERT_TRUE(tree->go_to(third_, deadline()));
  EXPECT_FALSE(*tree->revert(first_, deadline())) << "a was changed after that";
  EXPECT_EQ(*read_file(place_ / "a"), "2\n") << "a revert that failed leaves no trace";
}

TEST_F(WorkTreeOf, IsMendedAfterAKill) {
  {
    const auto tree = WorkTree::open(tree_, place_, deadline());
    ASSERT_TRUE(tree->go_to(first_, deadline()));
  }
  ASSERT_TRUE(write_file(place_ / ".git/index.lock", ""));
  ASSERT_TRUE(write_file(place_ / "a", "half"));
  const auto tree = WorkTree::open(tree_, place_, deadline());
  ASSERT_TRUE(tree) << tree.error().what;
  ASSERT_TRUE(tree->go_to(third_, deadline()));
  EXPECT_EQ(*read_file(place_ / "a"), "2\n");
}

TEST_F(WorkTreeOf, NoCheckoutIsAMistakeOfTheUsers) {
  const auto none = WorkTree::open(dir_.path(), place_, deadline());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().type(), "harness.usage");
}

}  // namespace
}  // namespace holdfast
