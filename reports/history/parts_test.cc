// Is a part never taken for the whole, and one kernel never for another?
#include "reports/history/parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/history/merge.h"
#include "reports/history/sample_runs_test.h"
#include "reports/report_verbs.h"

namespace holdfast::reports {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class RunParts : public sample::Runs {
 protected:
  static CaseId named(const std::string& name) { return {.suite = "Luo", .name = name, .device = ""}; }
  static std::vector<Event> passed(const std::string& name) {
    return sample::told(sample::settled(named(name), {Verdict::passed()}));
  }
  static std::vector<Event> failed(const std::string& name) {
    return sample::told(sample::settled(named(name), {sample::hang()}));
  }
  /// A run that was a shard.
  MergeSource shard(const std::string& id, const std::string& which, const std::string& deal,
                    const std::vector<std::vector<Event>>& cases) {
    MergeSource source = whole(id, 1, cases);
    source.head.started.properties["shard"] = which;
    source.head.started.properties["shard.deal"] = deal;
    return source;
  }
  MergeSource whole(const std::string& id, int day, const std::vector<std::vector<Event>>& cases) {
    auto head = head_of_run(write_run(id, day, cases) / "journal.jsonl");
    EXPECT_TRUE(head.ok()) << head.error().what;
    return {.head = *std::move(head)};
  }
  static std::string merged_xml(const std::vector<MergeSource>& runs) {
    const auto all = merged(runs, {.enough_cases = kAllPhases});
    EXPECT_TRUE(all.ok()) << all.error().what;
    return junit_xml(all->record, "merged", "/");
  }
};

TEST_F(RunParts, OfOneDealMakeAWhole) {
  std::vector<MergeSource> runs{shard("a", "1/2", "d", {passed("One")}), shard("b", "2/2", "d", {passed("Two")})};
  EXPECT_THAT(*fit_together(runs), IsEmpty());
  EXPECT_THAT(merged_xml(runs), Not(HasSubstr("shard"))) << "the whole is no shard";
}

TEST_F(RunParts, ThatAreMissingAreNamed) {
  std::vector<MergeSource> runs{shard("a", "1/3", "d", {passed("One")}), shard("b", "3/3", "d", {passed("Two")})};
  EXPECT_THAT(*fit_together(runs), ElementsAre(HasSubstr("shard 2/3")));
}

TEST_F(RunParts, ThatWereDealtDifferentlyAreRefused) {
  std::vector<MergeSource> runs{shard("a", "1/2", "d", {passed("One")}), shard("b", "2/2", "e", {passed("Two")})};
  const auto fits = fit_together(runs);
  ASSERT_FALSE(fits.ok());
  EXPECT_EQ(fits.error().type(), "harness.usage");
  EXPECT_THAT(fits.error().what, HasSubstr("dealt differently"));
}

TEST_F(RunParts, OfDifferentKernelsAreNoFlakyCase) {
  std::vector<MergeSource> runs;
  build_id_ = "aaaaaaaaaaaa";
  runs.push_back(whole("a", 1, {passed("One")}));
  build_id_ = "bbbbbbbbbbbb";
  runs.push_back(whole("b", 2, {failed("One")}));
  EXPECT_THAT(merged_xml(runs), HasSubstr("flaky")) << "the control: by name alone they are one kernel";
  ASSERT_TRUE(fit_together(runs).ok());
  const std::string xml = merged_xml(runs);
  EXPECT_THAT(xml, Not(HasSubstr("flaky")));
  EXPECT_THAT(xml, HasSubstr("(aaaaaaaa..)"));
  EXPECT_THAT(xml, HasSubstr("(bbbbbbbb..)"));
}

TEST_F(RunParts, OfTheSameKernelKeepTheirSuitesName) {
  std::vector<MergeSource> runs{whole("a", 1, {passed("One")}), whole("b", 2, {failed("One")})};
  ASSERT_TRUE(fit_together(runs).ok());
  const auto all = merged(runs, {.enough_cases = kAllPhases});
  ASSERT_TRUE(all.ok());
  EXPECT_THAT(all->record.suites(), SizeIs(1));
  EXPECT_EQ(all->record.suites().begin()->first, sample::kSuite);
  EXPECT_THAT(merged_xml(runs), HasSubstr("flaky"));
}

TEST_F(RunParts, ThatAreMissingShowInTheReportAndTheExitCode) {
  const auto folder = write_run("a", 1, {passed("One")});
  EXPECT_EQ(report_merge({folder}, {})->exit_code, 0);
  // As `run --shard` writes it.
  std::string journal = *read_file(folder / "journal.jsonl");
  const size_t at = journal.find("\"properties\":{");
  ASSERT_NE(at, std::string::npos);
  journal.insert(at + 14, R"("shard":"1/2","shard.deal":"d",)");
  ASSERT_TRUE(write_file(folder / "journal.jsonl", journal).ok());
  const auto part = report_merge({folder}, {});
  ASSERT_TRUE(part.ok()) << part.error().what;
  EXPECT_EQ(part->exit_code, 2);
  EXPECT_THAT(part->text, HasSubstr("shard 2/2"));
}

}  // namespace
}  // namespace holdfast::reports
