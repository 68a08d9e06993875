// Does each form of a series' report say the same, fit where it is read, and break on nothing that it is given?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "reports/junit.h"
#include "reports/series/series_json.h"
#include "reports/series/series_page.h"
#include "reports/series/series_text.h"
#include "tools/ctest/places.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using series::Cell;
using series::State;
using series::Study;
using testing::HasSubstr;
using testing::Not;
using Stage = State::Stage;

const std::string kCase = "Preserve.DeviceKeepsItsAddress/e1000e";

Cell cell(Outcome outcome) {
  Cell one;
  Verdict verdict;
  verdict.outcome = outcome;
  if (outcome == Outcome::kFailed) verdict.type = "kernel.promise";
  if (outcome == Outcome::kFailed) verdict.message = "it came back at <0000:09:00.0> & not where it was";
  if (outcome == Outcome::kSkipped) verdict.message = "kernel 7.3 was built without CONFIG_VFIO_PCI_LIVEUPDATE";
  one.runs = {verdict};
  one.fingerprints = {""};
  return one;
}

/// Three patches: the first brings a level and a warning, the second breaks it, the third does not build.
Study broken_series() {
  Study study{.title = "vfio/pci: <live> update",
              .version = "v2",
              .base = std::string(40, 'a'),
              .notes = {"a note"},
              .states = {}};
  study.states.push_back(
      {.number = 0, .subject = "Linux 7.3", .commit = std::string(40, 'a'), .stage = Stage::kTested});
  study.states[0].cells = {{kCase, cell(Outcome::kSkipped)}, {"LiveUpdate.Memfd", cell(Outcome::kPassed)}};
  State one{.number = 1, .subject = "vfio/pci: Preserve", .commit = std::string(40, 'b'), .stage = Stage::kTested};
  one.style = {
      .ran = true, .errors = 1, .warnings = 2, .text = "ERROR: trailing whitespace\n#7: FILE: a.c:1:\n+x \n\n"};
  one.warnings = {{.file = "drivers/vfio/a.c", .line = 7, .text = "unused variable 'x' [-Wunused-variable]"}};
  one.compared_with = 0;
  one.build_id = std::string(40, '1');
  one.cells = {{kCase, cell(Outcome::kPassed)}, {"LiveUpdate.Memfd", cell(Outcome::kPassed)}};
  State two{.number = 2, .subject = "vfio/pci: Break", .commit = std::string(40, 'c'), .stage = Stage::kTested};
  two.cells = {{kCase, cell(Outcome::kFailed)}, {"LiveUpdate.Memfd", cell(Outcome::kPassed)}};
  two.compared_with = 1;
  State three{.number = 3,
              .subject = "vfio/pci: Mend",
              .commit = std::string(40, 'd'),
              .stage = Stage::kNotBuilt,
              .told = "does not build: a.c:1:1: error: no",
              .said = "a.c:1:1: error: no\n"};
  study.states.insert(study.states.end(), {one, two, three});
  study.levels = {{kCase, "preserve"}, {"LiveUpdate.Memfd", "luo"}};
  return study;
}

std::string text_of(const Study& study, size_t width) {
  std::string text;
  for (const Line& line : series_lines(study, width)) {
    for (const Span& span : line) text += span.text;
    text += "\n";
  }
  return text;
}

TEST(SeriesText, SaysWhatBrokeWhereWhatAppearsAndWhatDoesNotBuild) {
  const std::string text = text_of(broken_series(), 100);
  EXPECT_THAT(text, HasSubstr("vfio/pci: <live> update (v2, 3 patches)"));
  EXPECT_THAT(text, HasSubstr("3/3 does not build; 2/3 breaks 1 case"));
  EXPECT_THAT(text, HasSubstr("note    a note"));
  EXPECT_THAT(text, HasSubstr("1/3    yes      yes     1         1 E 2 W         2    0    0    0"));
  EXPECT_THAT(text, HasSubstr("3/3    yes      NO"));
  EXPECT_THAT(text, HasSubstr("drivers/vfio/a.c:7: unused variable 'x'"));
  EXPECT_THAT(text, HasSubstr("ERROR: trailing whitespace"));
  EXPECT_THAT(text, HasSubstr("preserve  with 1/3 \"vfio/pci: Preserve\": 1 case passes"));
  EXPECT_THAT(text, HasSubstr("passed since 1/3, fails with 2/3 \"vfio/pci: Break\"; no later patch repairs it"));
  EXPECT_THAT(text, HasSubstr("kernel.promise: it came back"));
  EXPECT_THAT(text, HasSubstr("SKIP -> FAIL: 1 case"));
  EXPECT_THAT(text, HasSubstr(kCase + "  SKIP   PASS   FAIL"));
}

TEST(SeriesText, OfASoundSeriesComplainsOfNothing) {
  Study study = broken_series();
  study.states.resize(2);
  study.states[1].warnings.clear();
  study.states[1].style = {.ran = true};
  const std::string text = text_of(study, 100);
  EXPECT_THAT(text, HasSubstr("every patch applies and builds, and the series breaks no case"));
  for (const char* word : {"Broken", "FAIL ->", "adds", "NO ", "finds"}) EXPECT_THAT(text, Not(HasSubstr(word)));
}

TEST(SeriesMail, FitsIntoAMail) {
  Study study = broken_series();
  for (int i = 4; i <= 30; ++i) {
    State more = study.states[2];
    more.number = i;
    more.subject = "a subject with a good many words in it, as people write them in the kernel every now and then";
    study.states.push_back(more);
  }
  const std::string mail = series_mail(study);
  for (const std::string_view line : split(mail, '\n')) EXPECT_LE(columns(line), kMailColumns) << line;
  EXPECT_THAT(mail, HasSubstr("2/30"));
  EXPECT_THAT(mail, Not(HasSubstr("\x1b")));
  EXPECT_THAT(mail, HasSubstr("Cases (. passed, F failed"));
}

TEST(SeriesJson, HasAllOfIt) {
  const json read = json::parse(series_json(broken_series()));
  EXPECT_EQ(read["exit_code"], 1);
  EXPECT_EQ(read["patches"], 3);
  ASSERT_EQ(read["states"].size(), 4U);
  EXPECT_EQ(read["states"][1]["checkpatch"]["errors"], 1);
  EXPECT_EQ(read["states"][1]["new_warnings"][0]["file"], "drivers/vfio/a.c");
  EXPECT_EQ(read["states"][2]["cases"][kCase]["outcome"], "failed");
  EXPECT_EQ(read["states"][3]["stage"], "does-not-build");
  ASSERT_EQ(read["changes"].size(), 2U);
  EXPECT_EQ(read["changes"][1]["what"], "broke");
  EXPECT_EQ(read["changes"][1]["at"], 2);
  EXPECT_EQ(read["changes"][1]["repaired"], nullptr);
  EXPECT_EQ(read["levels"][0]["level"], "preserve");
  EXPECT_EQ(read["against_base"][0]["tip"], "failed");
}

TEST(SeriesPage, ShowsTheMatrixAndEscapesWhatItIsGiven) {
  const std::string page = series_page(broken_series(), "/results");
  EXPECT_THAT(page, HasSubstr("vfio/pci: &lt;live&gt; update"));
  EXPECT_THAT(page, Not(HasSubstr("<live>")));
  EXPECT_THAT(page, HasSubstr("Cases by patch"));
  EXPECT_THAT(page, HasSubstr("badge failed"));
  EXPECT_THAT(page, HasSubstr("unused variable"));
  EXPECT_THAT(page, HasSubstr("id=\"p3\""));
}

std::string junit_of(const Study& study) {
  const auto dir = *TempDir::create();
  JunitReport junit(dir.path() / "junit.xml", [](const Error& error) { ADD_FAILURE() << error.what; });
  for (const Event& event : series_events(study, dir.path())) junit.on(event);
  return *read_file(dir.path() / "junit.xml");
}

TEST(SeriesJunit, HasASuiteForEachPatch) {
  const std::string xml = junit_of(broken_series());
  for (const char* suite : {"00 Linux 7.3", "01 vfio/pci: Preserve", "02 vfio/pci: Break", "03 vfio/pci: Mend"}) {
    EXPECT_THAT(xml, HasSubstr(std::string("name=\"") + suite + "\""));
  }
  EXPECT_THAT(xml, HasSubstr("kernel.build"));
  EXPECT_THAT(xml, HasSubstr("kernel.promise"));
  EXPECT_THAT(xml, HasSubstr("checkpatch.errors"));
}

TEST(SeriesJunit, IsValid) {
  const char* named = std::getenv("HOLDFAST_JUNIT_XSD");
  const fs::path schema = named != nullptr ? fs::path(named) : source_dir() / "../shared/schema/junit-10.xsd";
  if (!fs::exists(schema)) GTEST_SKIP() << "junit-10.xsd is not there: name it in HOLDFAST_JUNIT_XSD";
  if (!find_program("xmllint")) GTEST_SKIP() << "xmllint is not installed (package libxml2-utils)";
  Study study = broken_series();
  study.states[3].stage = Stage::kMissing;
  State last = study.states[3];
  last.number = 4;
  last.stage = Stage::kNotTried;
  study.states.push_back(last);
  for (const Study& one : {broken_series(), study}) {
    const auto dir = *TempDir::create();
    ASSERT_TRUE(write_file(dir.path() / "junit.xml", junit_of(one)));
    const auto said =
        run({.argv = {"xmllint", "--noout", "--schema", schema.string(), (dir.path() / "junit.xml").string()}},
            Deadline::after(std::chrono::seconds(60)));
    ASSERT_TRUE(said);
    EXPECT_TRUE(said->status.success()) << said->err;
  }
}

}  // namespace
}  // namespace holdfast::reports
