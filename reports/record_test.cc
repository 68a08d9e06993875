// Does the record keep what was told, in an order that nothing disturbs?
#include "reports/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "reports/sample_events.h"

namespace holdfast::reports {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<std::string> keys(const SuiteRecord& suite) {
  std::vector<std::string> keys;
  for (const auto& [id, settled] : suite.cases) keys.push_back(settled.id.key());
  return keys;
}

TEST(RunRecord, OrdersCasesAlikeWhicheverFinishedFirst) {
  std::vector<CaseId> ids = {{"B", "x", ""}, {"A", "z", "nvme"}, {"A", "a", "nvme"}, {"A", "m", ""}, {"A", "b", "edu"}};
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(ids, random);
    RunRecord record;
    for (const CaseId& id : ids) record.add(sample::settled(id, {Verdict::passed()}));
    EXPECT_THAT(keys(record.suites().at(sample::kSuite)), ElementsAre("A.m", "A.b/edu", "A.a/nvme", "A.z/nvme", "B.x"));
  }
}

TEST(RunRecord, PutsRepeatedCasesTogether) {
  RunRecord record;
  record.add(sample::settled(sample::kMemfd, {Verdict::passed()}));
  record.add(sample::settled(sample::kMemfd, {sample::hang()}));
  const SuiteRecord& suite = record.suites().at(sample::kSuite);
  ASSERT_THAT(suite.cases, SizeIs(1));
  EXPECT_EQ(suite.cases.begin()->second.verdict.outcome, Outcome::kFlaky);
  EXPECT_THAT(suite.cases.begin()->second.attempts, SizeIs(2));
  EXPECT_EQ(record.tally().failed, 1);
  EXPECT_EQ(record.tally().total(), 1);
}

TEST(RunRecord, KeepsAVerdictOverALaterPlannedSkip) {
  RunRecord record;
  record.add(sample::settled(sample::kMemfd, {Verdict::passed()}));
  record.add(sample::planned_skip(sample::kMemfd));
  EXPECT_EQ(record.tally().passed, 1);
  EXPECT_EQ(record.tally().total(), 1);
}

TEST(RunRecord, LetsLaterFactsWin) {
  RunRecord record;
  record.add(SuiteFacts{.suite = "s", .properties = {{"accel", "kvm"}, {"cpus", "2"}}});
  record.add(SuiteFacts{.suite = "s", .properties = {{"accel", "tcg"}}});
  EXPECT_EQ(record.suites().at("s").facts, (Properties{{"accel", "tcg"}, {"cpus", "2"}}));
}

TEST(RunRecord, CapsEvidenceAndKeepsItOnce) {
  RunRecord record;
  Verdict failed = sample::hang();
  failed.evidence = {{"console", std::string(3 * kEvidenceLimit, 'x') + "\nthe end"}};
  record.add(sample::settled(sample::kKeeps, {failed}));
  const CaseSettled& kept = record.suites().at(sample::kSuite).cases.begin()->second;
  EXPECT_TRUE(kept.verdict.evidence.empty());
  const std::string& text = kept.attempts[0].verdict.evidence[0].text;
  EXPECT_LT(text.size(), kEvidenceLimit + 200);
  EXPECT_TRUE(text.ends_with("the end"));
  EXPECT_THAT(text, HasSubstr("all of it: cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1"));
}

TEST(RunRecord, KeepsEvidenceThatOnlyTheVerdictHas) {
  RunRecord record;
  CaseSettled settled = sample::settled(sample::kKeeps, {sample::hang()});
  settled.verdict.evidence.push_back({"worker", "was killed"});
  record.add(settled);
  const CaseSettled& kept = record.suites().at(sample::kSuite).cases.begin()->second;
  ASSERT_THAT(kept.verdict.evidence, SizeIs(1));
  EXPECT_EQ(kept.verdict.evidence[0].name, "worker");
}

TEST(RunRecord, BoundsTheEvidenceOfAllCasesTogether) {
  RunRecord record;
  Verdict failed = sample::hang();
  failed.evidence = {{"console", std::string(kEvidenceLimit, 'x')}};
  const size_t cases = kReportLimit / kEvidenceLimit + 100;
  for (size_t i = 0; i < cases; ++i) {
    record.add(sample::settled({"S", "case" + std::to_string(i), ""}, {failed}));
  }
  size_t bytes = 0;
  for (const auto& [id, settled] : record.suites().at(sample::kSuite).cases) {
    bytes += settled.attempts[0].verdict.evidence[0].text.size();
  }
  EXPECT_LT(bytes, kReportLimit + 200 * 2 * kLateEvidenceLimit);
}

TEST(RunRecord, FilesACaseWithoutSuiteUnderItsTarget) {
  RunRecord record;
  record.add(sample::settled(sample::kMemfd, {Verdict::passed()}, ""));
  EXPECT_TRUE(record.suites().contains("qemu"));
}

}  // namespace
}  // namespace holdfast::reports
