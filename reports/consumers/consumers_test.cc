// Do the programs that others read reports with see what a run came to?
//
// Needs node and npm and, for the page, Chromium; without them, or without a registry, each test says so and is
// skipped. (Node comes from more than one place, whose packages exclude each other, so tools/setup leaves it to whoever
// wants these tests.) What is needed from npm is installed once, into a folder beside the build.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "reports/history/trend.h"
#include "reports/html/html_report.h"
#include "reports/junit.h"
#include "reports/sample_events.h"
#include "tools/ctest/places.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Every outcome: two passed (one after an error), three failed (one of them flaky), one error, one skipped.
std::vector<Event> eventful() {
  using sample::settled;
  const Verdict pass = Verdict::passed();
  return {settled(sample::kKeeps, {pass}),
          settled({"Preserve", "Hangs", "nvme"}, {sample::hang()}),
          settled({"Preserve", "Flaky", "nvme"}, {sample::hang(), pass}),
          settled({"Preserve", "FailsTwice", "nvme"}, {sample::hang(), sample::hang()}),
          settled({"Preserve", "LostVm", "nvme"}, {sample::vm_killed(), sample::vm_killed()}),
          settled({"Preserve", "Forgiven", "nvme"}, {sample::vm_killed(), pass}),
          sample::planned_skip(sample::kMemfd)};
}

class Consumers : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
    for (const char* program : {"node", "npm"}) {
      if (!find_program(program)) GTEST_SKIP() << program << " is not installed (packages nodejs, npm)";
    }
    packages_ = fs::path(tested_program()).parent_path() / "consumers";
    ASSERT_TRUE(make_dirs(packages_).ok());
    fs::copy_file(source_dir() / "reports/consumers/package.json", packages_ / "package.json",
                  fs::copy_options::overwrite_existing);
    const auto installed =
        run({.argv = {"npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", packages_.string()}},
            Deadline::after(std::chrono::minutes(5)));
    if (!installed || !installed->status.success()) {
      GTEST_SKIP() << "npm cannot install the packages: " << (installed ? installed->err : installed.error().what);
    }
  }
  const fs::path& path() const { return dir_->path(); }

  /// What a script of this folder prints.
  json answer_of(const char* script, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {"env", "--chdir", packages_.string(), "node",
                                     (source_dir() / "reports/consumers" / script).string()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto output = run({.argv = argv}, Deadline::after(std::chrono::minutes(8)));
    if (!output || !output->status.success()) {
      ADD_FAILURE() << (output ? output->err : output.error().what);
      return json::object();
    }
    return json::parse(output->out, nullptr, false);
  }

  void write(const std::vector<Event>& events) {
    JunitReport junit(path() / "junit.xml", [](const Error& error) { ADD_FAILURE() << error.what; });
    HtmlReport html(path() / "report.html", [](const Error& error) { ADD_FAILURE() << error.what; });
    for (EventSink* sink : std::initializer_list<EventSink*>{&junit, &html}) {
      sink->on(sample::run_started(path().string()));
      for (const Event& event : events) sink->on(event);
      sink->on(sample::run_ended(1));
    }
  }

 private:
  std::optional<TempDir> dir_;
  fs::path packages_;
};

TEST_F(Consumers, CountInJUnitWhatTheRunCameTo) {
  write(eventful());
  const json counts = answer_of("read_junit.mjs", {(path() / "junit.xml").string(), path().string()});
  EXPECT_EQ(counts["junit2json"], json({{"tests", 7}, {"failures", 3}, {"errors", 1}, {"skipped", 1}}));
  EXPECT_EQ(counts["junit-report-merger"], json({{"tests", 7}, {"failures", 3}, {"errors", 1}}));
  EXPECT_EQ(counts["test-results-parser"], json({{"tests", 7}, {"passed", 2}, {"skipped", 1}}));
  EXPECT_EQ(counts["junit-to-ctrf"], json({{"tests", 7}, {"passed", 2}, {"failed", 4}, {"skipped", 1}}));
  EXPECT_GT(counts["xunit-viewer"]["bytes"], 1000);
}

TEST_F(Consumers, WouldShowAWrongCount) {
  write({sample::settled(sample::kKeeps, {Verdict::passed()})});
  const json counts = answer_of("read_junit.mjs", {(path() / "junit.xml").string(), path().string()});
  EXPECT_EQ(counts["junit2json"], json({{"tests", 1}, {"failures", 0}, {"errors", 0}, {"skipped", 0}}));
  EXPECT_EQ(counts["junit-to-ctrf"], json({{"tests", 1}, {"passed", 1}, {"failed", 0}, {"skipped", 0}}));
}

TEST_F(Consumers, FindThePageSoundInChromium) {
  const auto chromium = find_program("chromium");
  if (!chromium) GTEST_SKIP() << "Chromium is not installed (package chromium)";
  std::vector<Event> events = eventful();
  events.emplace_back(sample::settled(
      {"<img src=x onerror=console.log(1)>", "</script><script>console.log(2)</script>", "\" onload=\"console.log(3)"},
      {sample::hang()}));
  write(events);
  const json said = answer_of("look_at_page.mjs", {(path() / "report.html").string(), chromium->string()});
  EXPECT_EQ(said["console"], json::array());
  EXPECT_EQ(said["requests"], json::array());
  EXPECT_EQ(said["serious"], json::array());
  EXPECT_GT(said["checked"], 30);
  EXPECT_EQ(said["shown"], 8);
  EXPECT_EQ(said["shown_without_passed"], 6);
  EXPECT_EQ(said["shown_in_vain"], 0);
  EXPECT_EQ(said["slash_goes_to"], "search");
  EXPECT_EQ(said["overflow-390"], false);
}

TEST_F(Consumers, FindALargePageSoundAndFilterItsLines) {
  const auto chromium = find_program("chromium");
  if (!chromium) GTEST_SKIP() << "Chromium is not installed (package chromium)";
  RunRecord record;
  record.add(sample::run_started(path().string()));
  for (size_t i = 0; i < 2 * kMostDetailed; ++i) {
    record.add(sample::settled({"S", std::to_string(i), i % 2 == 0 ? "nvme" : ""}, {Verdict::passed()}));
  }
  record.add(sample::settled({"S", "Hangs", "nvme"}, {sample::hang()}));
  ASSERT_TRUE(write_file(path() / "report.html", run_page(record, {}, path())).ok());
  const json said = answer_of("look_at_page.mjs", {(path() / "report.html").string(), chromium->string()});
  EXPECT_EQ(said["console"], json::array());
  EXPECT_EQ(said["serious"], json::array());
  EXPECT_EQ(said["said"], "4001 of 4001 cases shown");
  EXPECT_EQ(said["said_without_passed"], "1 of 4001 cases shown");
  EXPECT_EQ(said["said_of_device"], "2001 of 4001 cases shown");
  EXPECT_EQ(said["overflow-390"], false);
}

TEST_F(Consumers, FindTheTrendSoundInChromium) {
  const auto chromium = find_program("chromium");
  if (!chromium) GTEST_SKIP() << "Chromium is not installed (package chromium)";
  Trend trend{.names = {}, .begun = {}, .tallies = {}, .compared_cases = 1, .phases = {}};
  PhaseTrend kexec{.phase = "kexec", .runs = {}, .medians = {}, .step = Step{.at = 5, .before = 1000, .after = 1080}};
  for (size_t i = 0; i < 10; ++i) {
    trend.names.push_back("r" + std::to_string(i));
    trend.begun.push_back(WallClock::time_point(std::chrono::hours(24 * i)));
    trend.tallies.push_back({.passed = 1, .failed = i == 3 ? 1 : 0, .errors = 0, .skipped = 0});
    kexec.runs.push_back(i);
    kexec.medians.push_back(i < 5 ? 1000 : 1080);
  }
  trend.phases = {kexec};
  ASSERT_TRUE(write_file(path() / "trend.html", trend_page(trend)).ok());
  const json said = answer_of("look_at_page.mjs", {(path() / "trend.html").string(), chromium->string()});
  EXPECT_EQ(said["console"], json::array());
  EXPECT_EQ(said["requests"], json::array());
  EXPECT_EQ(said["serious"], json::array());
  EXPECT_EQ(said["overflow-390"], false);
}

TEST_F(Consumers, WouldShowAPageThatIsNotSound) {
  const auto chromium = find_program("chromium");
  if (!chromium) GTEST_SKIP() << "Chromium is not installed (package chromium)";
  ASSERT_TRUE(write_file(path() / "report.html",
                         "<!DOCTYPE html><html><body><img src=\"x.png\"><script>console.log(1)"
                         "</script></body></html>")
                  .ok());
  const json said = answer_of("look_at_page.mjs", {(path() / "report.html").string(), chromium->string()});
  EXPECT_FALSE(said["console"].empty());
  EXPECT_FALSE(said["requests"].empty());
  EXPECT_FALSE(said["serious"].empty());
}

}  // namespace
}  // namespace holdfast::reports
