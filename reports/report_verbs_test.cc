// Do the verbs of `holdfast report` give the answers and exit codes that they promise?
#include "reports/report_verbs.h"

#include <gmock/gmock.h>

#include "reports/history/sample_runs_test.h"
#include "reports/history/trend.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using sample::settled;
using sample::told;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const Verdict kPass = Verdict::passed();

class ReportVerbs : public sample::Runs {
 protected:
  std::string text(const fs::path& file) {
    const auto read = read_file(file);
    return read ? *read : read.error().what;
  }
  /// 30 runs, a day apart, whose kexec takes 80 ms more from the 20th on, and of which each tenth has a failure.
  void write_thirty() {
    for (int i = 0; i < 30; ++i) {
      std::vector<std::vector<Event>> cases;
      for (int one = 0; one < 5; ++one) {
        const int jitter = (i * 7 + one * 3) % 11;
        cases.push_back(sample::timed({"S", "Case" + std::to_string(one), "nvme"},
                                      {1000 + 20 * one + jitter + (i >= 20 ? 80 : 0)}));
      }
      CaseSettled sometimes = settled({"S", "Sometimes", ""}, {i % 10 == 3 ? sample::hang() : kPass});
      sometimes.phases.clear();
      cases.push_back(told(sometimes));
      write_run("r" + std::to_string(i), i, cases);
    }
  }
};

TEST_F(ReportVerbs, HtmlGoesIntoTheRunsFolderOrWhereItIsWanted) {
  const fs::path run = write_run("a", 0, {told(settled(sample::kKeeps, {kPass}))});
  const auto beside = report_html(run, {});
  ASSERT_TRUE(beside.ok()) << beside.error().what;
  EXPECT_EQ(beside->text, (run / "report.html").string() + "\n");
  EXPECT_THAT(text(run / "report.html"), HasSubstr("Preserve.DeviceKeepsItsAddress"));
  ASSERT_TRUE(report_html(run / "junit.xml", path() / "x.html").ok());
  EXPECT_THAT(text(path() / "x.html"), AllOf(HasSubstr("Preserve.DeviceKeepsItsAddress"), HasSubstr("boot 1.2 s")));
}

TEST_F(ReportVerbs, MergeGivesOneReportAndTheExitCodeOfAll) {
  const fs::path a = write_run("a", 0, {told(settled({"S", "One", ""}, {kPass}))});
  const fs::path b = write_run("b", 1, {told(settled({"S", "Two", ""}, {sample::hang()}))});
  const auto xml = report_merge({a, b}, {});
  ASSERT_TRUE(xml.ok()) << xml.error().what;
  EXPECT_EQ(xml->exit_code, 1);
  EXPECT_THAT(xml->text,
              HasSubstr("<testsuites name=\"holdfast\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"20.000\">"));
  const auto files = report_merge({path()}, path() / "merged");
  ASSERT_TRUE(files.ok()) << files.error().what;
  EXPECT_THAT(files->text, HasSubstr("holdfast run a+b: 1 passed, 1 failed, 0 errors, 0 skipped"));
  EXPECT_EQ(text(path() / "merged" / "summary.txt"), files->text);
  EXPECT_THAT(text(path() / "merged" / "report.html"), HasSubstr("S.Two"));
  const auto again = report_merge({path() / "merged" / "junit.xml"}, {});
  ASSERT_TRUE(again.ok()) << again.error().what;
  EXPECT_EQ(again->exit_code, 1);
  EXPECT_EQ(report_merge({a}, {})->exit_code, 0);
  EXPECT_FALSE(report_merge({}, {}).ok());
}

TEST_F(ReportVerbs, CompareFailsOnlyOnNewFailures) {
  const fs::path a = write_run("a", 0, {told(settled(sample::kKeeps, {kPass}))});
  const fs::path b = write_run("b", 1, {told(settled(sample::kKeeps, {sample::hang()}))});
  EXPECT_EQ(report_compare(a, b)->exit_code, 1);
  EXPECT_EQ(report_compare(b, a)->exit_code, 0);
  EXPECT_EQ(report_compare(b, b / "junit.xml")->exit_code, 0);
  EXPECT_THAT(report_compare(b, a)->text, HasSubstr("fixed (1):"));
  EXPECT_FALSE(report_compare(a, path() / "nothing").ok());
}

TEST_F(ReportVerbs, TrendSaysSinceWhenAPhaseTakesLonger) {
  write_thirty();
  const auto answer = report_trend({path()}, path() / "trend.html");
  ASSERT_TRUE(answer.ok()) << answer.error().what;
  EXPECT_THAT(answer->text,
              AllOf(HasSubstr("30 runs, 6 cases compared"),
                    ContainsRegex("\\(\\+(7[89]|8[0-2]) ms\\) since 2001-09-29T01:46:40Z \\(run r20\\)")));
  const std::string page = text(path() / "trend.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<polyline class=\"curve\""), HasSubstr("since 2001-09-29T01:46:40Z (run r20)"),
                          HasSubstr("pass rate: 100 % in the first run"), Not(HasSubstr("nan"))));
}

TEST_F(ReportVerbs, TrendIsSilentWhereNothingMoved) {
  for (int i = 0; i < 12; ++i)
    write_run("r" + std::to_string(i), i, {sample::timed({"S", "Case", ""}, {1000 + (i * 7) % 11})});
  const auto answer = report_trend({path()}, path() / "trend.html");
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->text, Not(HasSubstr("since")));
}

TEST_F(ReportVerbs, FlakyCountsOverRuns) {
  write_thirty();
  const auto answer = report_flaky({path()});
  ASSERT_TRUE(answer.ok()) << answer.error().what;
  EXPECT_EQ(answer->exit_code, 1);
  EXPECT_THAT(answer->text, AllOf(HasSubstr("S.Sometimes"), HasSubstr("3 of 30"), HasSubstr("3.5 to 25.6 %"),
                                  HasSubstr("...F.........F.........F......")));
  EXPECT_EQ(report_flaky({path() / "run-r0", path() / "run-r1"})->exit_code, 0);
}

TEST_F(ReportVerbs, KcidbAndSummaryTellOneRun) {
  const fs::path run = write_run("a", 0, {told(settled(sample::kKeeps, {sample::hang()}))});
  EXPECT_THAT(report_kcidb(run, {.origin = "lab", .build_id = {}, .artifacts_url = {}})->text, HasSubstr("\"FAIL\""));
  EXPECT_FALSE(report_kcidb(run, {}).ok());
  EXPECT_THAT(report_summary(run)->text, HasSubstr("FAIL  Preserve.DeviceKeepsItsAddress/e1000e"));
}

TEST(Step, IsFoundWhereItIsAndNowhereElse) {
  EXPECT_EQ(find_step({100, 101, 99, 100, 200, 201, 199, 200})->at, 4U);
  EXPECT_FALSE(find_step({100, 101, 99, 100, 101, 100}));
  EXPECT_FALSE(find_step({100, 300, 100, 300, 100, 300}));
  EXPECT_FALSE(find_step({100, 200}));
  EXPECT_FALSE(find_step({100, 100, 100, 100, 900}));  // one run is an outlier
  EXPECT_FALSE(find_step({}));
}

}  // namespace
}  // namespace holdfast::reports
