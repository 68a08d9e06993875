// Does the posterior follow the evidence, and only that?
#include "harness/bisect/posterior.h"

#include <gmock/gmock.h>

#include <numeric>

#include "harness/bisect/bisect_test.h"
#include "harness/bisect/choice.h"

namespace holdfast::bisect {
namespace {

double sum(const Posterior& posterior, const std::vector<Node>& nodes) {
  return std::accumulate(nodes.begin(), nodes.end(), 0.0,
                         [&](double all, Node node) { return all + posterior.mass(node); });
}

TEST(History, KnowsWhatAMergeContains) {
  const History history = merged();
  EXPECT_TRUE(history.contains(5, 2));
  EXPECT_TRUE(history.contains(5, 4));
  EXPECT_FALSE(history.contains(2, 3));
  EXPECT_FALSE(history.contains(4, 1));
  EXPECT_TRUE(history.contains(3, history.good()));
  EXPECT_EQ(history.parents(5), (std::vector<Node>{2, 4}));
  EXPECT_EQ(history.parents(3), (std::vector<Node>{0})) << "what is outside counts as the good end";
}

TEST(History, RefusesNothingAndACommitThatTheBadEndDoesNotContain) {
  EXPECT_EQ(History::create({.id = "g", .parents = {}}, {}).error().type(), "harness.usage");
  const auto stray =
      History::create({.id = "g", .parents = {}}, {{.id = "stray", .parents = {"g"}}, {.id = "tip", .parents = {"g"}}});
  ASSERT_FALSE(stray);
  EXPECT_THAT(stray.error().what, testing::HasSubstr("stray"));
}

TEST(Posterior, AFailureTurnsToWhatTheCommitContains) {
  const History history = merged();
  Posterior posterior(history);
  posterior.add(2, /*failed=*/true);
  EXPECT_GT(sum(posterior, {1, 2}), 0.95);
  EXPECT_LT(sum(posterior, {3, 4, 5, 6}), 0.03);
}

TEST(Posterior, APassProvesLessWhenTheTestIsFlaky) {
  const History history = line(8);
  Posterior sure(history);
  Posterior flaky(history);
  for (int i = 0; i < 12; ++i) sure.add(8, true);
  for (int i = 0; i < 12; ++i) flaky.add(8, i < 3);
  sure.add(4, false);
  flaky.add(4, false);
  const std::vector<Node> before = {1, 2, 3, 4};
  EXPECT_LT(sum(sure, before), 0.1);
  EXPECT_GT(sum(flaky, before), 0.35);
  EXPECT_GT(sure.fail_rate(), 0.85);
  EXPECT_LT(flaky.fail_rate(), 0.45);
  EXPECT_LT(sure.all_pass(3), 0.01);
  EXPECT_GT(flaky.all_pass(3), 0.2);
}

TEST(Posterior, OneFalseFailureDoesNotDecideWhenPassesFollow) {
  const History history = line(8);
  Posterior posterior(history);
  for (int i = 0; i < 10; ++i) posterior.add(8, true);
  posterior.add(3, true);
  for (int i = 0; i < 8; ++i) posterior.add(3, false);
  EXPECT_GT(sum(posterior, {4, 5, 6, 7, 8}), 0.5);
}

TEST(Posterior, TheSameKernelClearsWhatLiesBetween) {
  const History history = line(8);
  Posterior posterior(history);
  posterior.same_kernel(3, 6);
  EXPECT_LT(sum(posterior, {4, 5, 6}), 1e-4);
  EXPECT_NEAR(sum(posterior, {1, 2, 3}), sum(posterior, {7, 8}) * 1.5, 1e-6);
}

TEST(Posterior, SurvivesThousandsOfResults) {
  const History history = line(50);
  Posterior posterior(history);
  for (int i = 0; i < 5000; ++i) posterior.add(i % 2 == 0 ? 50 : 20, i % 2 == 0);
  EXPECT_NEAR(std::accumulate(posterior.masses().begin(), posterior.masses().end(), 0.0), 1, 1e-9);
  EXPECT_LT(sum(posterior, {1, 10, 20}), 1e-9);
}

TEST(Choose, HalvesWhatIsLeft) {
  const History history = line(64);
  Posterior posterior(history);
  posterior.add(64, true);
  const auto choice = choose(history, posterior, std::vector<Offer>(65), {});
  ASSERT_TRUE(choice);
  EXPECT_NEAR(static_cast<double>(choice->node), 32, 8);
}

TEST(Choose, RepeatsWhereAKernelIsWhenBuildsAreDear) {
  const History history = line(8);
  Posterior posterior(history);
  for (int i = 0; i < 12; ++i) posterior.add(8, i < 4);
  posterior.add(4, false);
  std::vector<Offer> offers(9);
  offers[4].built = offers[8].built = true;
  EXPECT_EQ(choose(history, posterior, offers, {.build = 1000, .run = 1})->node, 4U);
  for (int i = 0; i < 40; ++i) posterior.add(4, false);
  EXPECT_NE(choose(history, posterior, offers, {.build = 1000, .run = 1})->node, 4U)
      << "there is no more to learn there";
}

TEST(Choose, TakesNoCommitThatCannotBeTested) {
  const History history = line(8);
  const Posterior posterior(history);
  std::vector<Offer> offers(9, {.testable = false});
  EXPECT_EQ(choose(history, posterior, offers, {}), std::nullopt);
  offers[6].testable = true;
  EXPECT_EQ(choose(history, posterior, offers, {})->node, 6U);
}

}  // namespace
}  // namespace holdfast::bisect
