// Do the pages about all runs show each run, host and case, and lead nowhere but to files?
#include "reports/site/site.h"

#include <gmock/gmock.h>

#include "reports/history/sample_runs_test.h"
#include "reports/report_verbs.h"
#include "reports/site/history_table.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using sample::settled;
using sample::told;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const CaseId kHostile = {"S", "<script>alert(1)</script>", "../../x"};

class SitePages : public sample::Runs {
 protected:
  void SetUp() override {
    sample::Runs::SetUp();
    write_run("one", 1,
              {told(settled(sample::kKeeps, {Verdict::passed()})), told(settled(kHostile, {sample::hang()}))});
    write_run("two", 2, {told(settled(sample::kKeeps, {sample::hang()})), told(sample::planned_skip(sample::kMemfd))});
  }
  std::string page(const std::string& name) {
    const auto text = read_file(path() / "site" / name);
    EXPECT_TRUE(text) << name;
    return text ? *text : "";
  }
  std::vector<std::string> pages() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path() / "site")) names.push_back(entry.path().filename());
    return names;
  }
};

TEST_F(SitePages, ShowRunsHostsAndCases) {
  const auto written = report_site(path(), {});
  ASSERT_TRUE(written) << written.error().what;
  EXPECT_EQ(written->text, (path() / "site/index.html").string() + "\n");
  const std::string index = page("index.html");
  EXPECT_THAT(index, AllOf(HasSubstr("2 runs"), HasSubstr("href=\"./../run-two/report.html\""),
                           HasSubstr("0 passed, 1 failed, 0 errors, 1 skipped"), HasSubstr("href=\"./trend.html\""),
                           HasSubstr("Preserve.DeviceKeepsItsAddress/e1000e")));
  EXPECT_LT(index.find("run-two"), index.find("run-one")) << "the newest first";
  EXPECT_THAT(page(page_name("host", "qemu")), HasSubstr("Luo.MemfdSurvives"));
  const std::string keeps = page(page_name("case", sample::kKeeps.key()));
  EXPECT_THAT(keeps, AllOf(HasSubstr("PASS"), HasSubstr("FAIL"), HasSubstr("kernel.hang: kernel B was silent")));
  EXPECT_THAT(page("trend.html"), HasSubstr("2 runs"));
}

TEST_F(SitePages, AllLinksLeadToFilesThatAreThere) {
  ASSERT_TRUE(report_site(path(), {}));
  for (const char* run : {"run-one", "run-two"}) ASSERT_TRUE(write_file(path() / run / "report.html", "x"));
  int links = 0;
  for (const std::string& name : pages()) {
    const std::string text = page(name);
    EXPECT_THAT(text, Not(HasSubstr("<script>alert"))) << name;
    EXPECT_THAT(text, AllOf(Not(HasSubstr("http://")), Not(HasSubstr("https://")))) << name;
    for (size_t at = text.find("href=\""); at != std::string::npos; at = text.find("href=\"", at + 1)) {
      const std::string link = text.substr(at + 6, text.find('"', at + 6) - at - 6);
      EXPECT_TRUE(fs::is_regular_file(path() / "site" / link)) << name << ": " << link;
      ++links;
    }
  }
  EXPECT_GT(links, 15);
}

TEST_F(SitePages, StalePagesGoAndOthersStay) {
  const fs::path site = path() / "site";
  ASSERT_TRUE(make_dirs(site));
  ASSERT_TRUE(write_file(site / "case-Old-01234567.html", "x"));
  ASSERT_TRUE(write_file(site / "mine.html", "x"));
  ASSERT_TRUE(report_site(path(), {}));
  EXPECT_FALSE(fs::exists(site / "case-Old-01234567.html"));
  EXPECT_TRUE(fs::exists(site / "mine.html"));
}

TEST(SitePageName, IsOneNamesAlone) {
  EXPECT_NE(page_name("case", "A.B/c"), page_name("case", "A.B-c"));
  EXPECT_EQ(page_name("case", "A.B/c").find('/'), std::string::npos);
  EXPECT_LT(page_name("case", std::string(5000, 'x')).size(), 200U);
}

}  // namespace
}  // namespace holdfast::reports
