// Does the bisection name the right commit, and none when it must not?
#include "harness/bisect/bisection.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>

#include "harness/bisect/bisect_test.h"

namespace holdfast::bisect {
namespace {

using Do = Step::Do;

/// What the world answers; by default every kernel builds and is another one, and the fault comes with `culprit`.
struct World {
  Node culprit = 0;
  std::function<bool(Node)> builds = [](Node) { return true; };
  std::function<std::string(Node)> build_id = [](Node node) { return std::to_string(node); };
  std::function<Seen(bool bad)> sees = [](bool bad) { return bad ? Seen::kFailed : Seen::kPassed; };
  Seen without_culprit = Seen::kPassed;
  std::set<Node> ran = {};
};

Bisection search(const History& history, World& world, const Settings& settings = {}) {
  Bisection bisection(history, settings);
  for (Step step = bisection.next(); step.what != Do::kDone; step = bisection.next()) {
    switch (step.what) {
      case Do::kBuild:
        if (world.builds(step.node)) {
          bisection.built(step.node, world.build_id(step.node));
        } else {
          bisection.untestable(step.node, "does not build");
        }
        break;
      case Do::kRun:
        world.ran.insert(step.node);
        bisection.ran(step.node, world.sees(history.contains(step.node, world.culprit)));
        break;
      case Do::kBuildRevert:
        bisection.revert_built();
        break;
      default:
        bisection.revert_ran(world.without_culprit);
    }
  }
  return bisection;
}

TEST(Bisection, NamesEachCommitOfALineInTurn) {
  const History history = line(20);
  for (Node culprit = 1; culprit <= 20; ++culprit) {
    World world{.culprit = culprit};
    const Bisection bisection = search(history, world);
    EXPECT_EQ(bisection.ending(), Ending::kNamed);
    EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{culprit});
    EXPECT_GE(bisection.likeliest().mass, 0.99);
    EXPECT_GT(bisection.of(culprit).failed, 0) << "its own failure was seen";
    EXPECT_GT(bisection.of(culprit - 1).passed, 0) << "and the pass before it";
    EXPECT_EQ(bisection.reverted(), Reverted::kPasses);
    EXPECT_LT(bisection.runs(), 40);
  }
}

TEST(Bisection, NamesTheMergeOnlyWhenBothItsParentsPass) {
  const History history = merged();
  for (Node culprit = 1; culprit <= 6; ++culprit) {
    World world{.culprit = culprit};
    const Bisection bisection = search(history, world);
    EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{culprit});
    for (const Node parent : history.parents(culprit)) EXPECT_GT(bisection.of(parent).passed, 0) << culprit;
  }
}

TEST(Bisection, NamesSeveralWhereNothingBetweenThemBuilds) {
  const History history = line(20);
  World world{.culprit = 10, .builds = [](Node node) { return node < 8 || node > 11; }};
  const Bisection bisection = search(history, world);
  EXPECT_EQ(bisection.ending(), Ending::kNamedSome);
  EXPECT_THAT(bisection.likeliest().nodes, testing::UnorderedElementsAre(8, 9, 10, 11, 12));
  EXPECT_EQ(bisection.of(9).untestable.empty(), world.ran.contains(9));
}

TEST(Bisection, ABadEndThatPassesIsNoStart) {
  const History history = line(20);
  World world{.culprit = 3, .sees = [](bool) { return Seen::kPassed; }};
  const Bisection bisection = search(history, world);
  EXPECT_EQ(bisection.ending(), Ending::kBadEndPasses);
  EXPECT_EQ(world.ran, std::set<Node>{history.bad()});
}

TEST(Bisection, AGoodEndThatFailsIsSaidSo) {
  const History history = line(20);
  World world{.culprit = 0};
  EXPECT_EQ(search(history, world).ending(), Ending::kGoodEndFails);
}

TEST(Bisection, AnEndThatDoesNotBuildIsNoStart) {
  const History history = line(20);
  World world{.culprit = 3, .builds = [](Node node) { return node != 0; }};
  EXPECT_EQ(search(history, world).ending(), Ending::kEndUntestable);
}

TEST(Bisection, LabErrorsCountAsNothing) {
  const History history = line(20);
  int call = 0;
  World world{.culprit = 7, .sees = [&call](bool bad) {
                if (++call % 3 == 0) return Seen::kLab;
                return bad ? Seen::kFailed : Seen::kPassed;
              }};
  const Bisection bisection = search(history, world);
  EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{7});
  World sound{.culprit = 7};
  EXPECT_GT(bisection.runs(), search(history, sound).runs());
  EXPECT_EQ(bisection.likeliest().mass, search(history, sound).likeliest().mass) << "the same evidence";
}

TEST(Bisection, ALabThatIsDownEndsTheSearchWithoutAName) {
  const History history = line(20);
  World world{.culprit = 7, .sees = [](bool) { return Seen::kLab; }};
  const Bisection bisection = search(history, world);
  EXPECT_THAT(bisection.ending(), testing::AnyOf(Ending::kLabDown, Ending::kEndUntestable));
}

TEST(Bisection, AnotherFailureIsNeitherGoodNorBad) {
  const History history = line(20);
  World world{.culprit = 15};
  const Bisection bisection = [&] {
    Bisection search(history, {});
    for (Step step = search.next(); step.what != Do::kDone; step = search.next()) {
      if (step.what == Do::kBuild) search.built(step.node, world.build_id(step.node));
      if (step.what == Do::kBuildRevert) search.revert_built();
      if (step.what == Do::kRunRevert) search.revert_ran(Seen::kPassed);
      if (step.what != Do::kRun) continue;
      const bool second_bug = step.node >= 9 && step.node <= 11;
      search.ran(step.node, second_bug ? Seen::kOther : world.sees(history.contains(step.node, world.culprit)));
    }
    return search;
  }();
  EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{15});
  for (Node node = 9; node <= 11; ++node) {
    const Record& record = bisection.of(node);
    EXPECT_EQ(record.untestable, record.built ? "it fails in another way" : "");
  }
}

TEST(Bisection, TheSameKernelIsNotRunTwice) {
  const History history = line(20);
  // Commits 6 to 14 change comments only.
  World world{.culprit = 15, .build_id = [](Node node) { return std::to_string(node >= 5 && node < 15 ? 5 : node); }};
  const Bisection bisection = search(history, world);
  EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{15});
  World all_differ{.culprit = 15};
  EXPECT_LE(world.ran.size(), (search(history, all_differ), all_differ.ran.size()));
}

TEST(Bisection, CommitsWithOneKernelAreRunAsTheFirstOfThem) {
  const History history = line(20);
  // Three commits in a row have one kernel; the failure comes in one run of three, so that each is asked again.
  const auto kernel_of = [](Node node) { return std::to_string((node + 2) / 3); };
  for (Node culprit = 1; culprit <= 19; culprit += 3) {
    int call = 0;
    World world{.culprit = culprit, .build_id = kernel_of, .sees = [&call](bool bad) {
                  return bad && ++call % 3 == 0 ? Seen::kFailed : Seen::kPassed;
                }};
    const Bisection bisection = search(history, world);
    EXPECT_EQ(bisection.likeliest().nodes, std::vector<Node>{culprit});
    std::set<std::string> kernels;
    for (const Node node : world.ran) EXPECT_TRUE(kernels.insert(kernel_of(node)).second) << node << " of " << culprit;
    EXPECT_GT(bisection.of(culprit - 1).passed, 0) << "the parent's pass is its kernel's, whoever it was run as";
  }
}

TEST(Bisection, AKernelThatTellsNothingIsGivenUpForAllItsCommits) {
  const History history = line(20);
  const auto kernel_of = [](Node node) { return std::to_string(node >= 9 && node <= 11 ? 9 : node); };
  Bisection search(history, {});
  int other = 0;
  for (Step step = search.next(); step.what != Do::kDone; step = search.next()) {
    if (step.what == Do::kBuild) search.built(step.node, kernel_of(step.node));
    if (step.what == Do::kBuildRevert) search.revert_built();
    if (step.what == Do::kRunRevert) search.revert_ran(Seen::kPassed);
    if (step.what != Do::kRun) continue;
    const bool second_bug = step.node >= 9 && step.node <= 11;
    if (second_bug) ++other;
    search.ran(step.node, second_bug ? Seen::kOther : step.node >= 12 ? Seen::kFailed : Seen::kPassed);
  }
  EXPECT_LE(other, 5) << "one kernel's worth of fruitless runs";
  EXPECT_THAT(search.likeliest().nodes, testing::IsSupersetOf({Node{12}}));
}

TEST(Bisection, GivesUpWhenTheRunsAreUsed) {
  const History history = line(200);
  World world{.culprit = 77};
  const Bisection bisection = search(history, world, {.most_runs = 5});
  EXPECT_EQ(bisection.ending(), Ending::kOutOfRuns);
  EXPECT_EQ(bisection.runs(), 5);
}

TEST(Bisection, ARevertThatDoesNotHelpIsSaidSo) {
  const History history = line(20);
  World world{.culprit = 5, .without_culprit = Seen::kFailed};
  const Bisection bisection = search(history, world);
  EXPECT_EQ(bisection.ending(), Ending::kNamed);
  EXPECT_EQ(bisection.reverted(), Reverted::kStillFails);
}

TEST(Bisection, LessIsExpectedTheMoreIsKnown) {
  const History history = line(100);
  Bisection bisection(history, {});
  bisection.built(100, "bad");
  bisection.ran(100, Seen::kFailed);
  const double before = bisection.expected_cost();
  bisection.built(50, "half");
  bisection.ran(50, Seen::kFailed);
  bisection.ran(50, Seen::kFailed);
  EXPECT_LT(bisection.expected_cost(), before);
  EXPECT_GT(bisection.expected_cost(), 0);
}

}  // namespace
}  // namespace holdfast::bisect
