// Does each report tell the milestones of a kexec, and does a reader get them back?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/artifacts.h"
#include "reports/history/comparison.h"
#include "reports/history/sample_runs_test.h"
#include "reports/history/trend.h"
#include "reports/html/time_line.h"

namespace holdfast::reports {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Milestones = std::map<std::string, milliseconds>;

Milestones way(int first_mmio) {
  return {{"exec", milliseconds(0)},
          {"agent", milliseconds(900)},
          {"retrieved/e1000e", milliseconds(first_mmio - 10)},
          {"first-mmio/e1000e", milliseconds(first_mmio)},
          {"agent#2", milliseconds(77'000)}};
}

/// A case that passed, with milestones as the core tells them.
std::vector<Event> crossed(const CaseId& id, const Milestones& milestones) {
  CaseSettled settled = sample::settled(id, {Verdict::passed()});
  settled.milestones = milestones;
  std::vector<Event> events;
  for (const auto& [key, at] : milestones) {
    const size_t slash = key.find('/');
    const bool second = key.find('#') != std::string::npos;
    events.emplace_back(Milestone{.where = settled.attempts[0].where,
                                  .kexec = second ? 2 : 1,
                                  .device = slash == std::string::npos ? "" : key.substr(slash + 1),
                                  .name = std::string(milestone_of(key)),
                                  .at = at});
  }
  for (Event& event : sample::told(std::move(settled))) events.push_back(std::move(event));
  return events;
}

class MilestoneReports : public sample::Runs {};

TEST_F(MilestoneReports, AreTheSameFromJournalAndJUnit) {
  const auto folder = write_run("a", 0, {crossed(sample::kKeeps, way(1200))});
  for (const char* file : {"journal.jsonl", "junit.xml"}) {
    const auto results = read_results(folder / file);
    ASSERT_TRUE(results.ok()) << results.error().what;
    EXPECT_EQ(results->record.suites().at(sample::kSuite).cases.at(sample::kKeeps).milestones, way(1200)) << file;
  }
  const auto told = read_results(folder);
  EXPECT_EQ(told->phases.milestones_of(sample::at(sample::kKeeps)).size(), 5U);
}

TEST_F(MilestoneReports, ShowInTheTrendSinceWhenABlackoutIsLonger) {
  std::vector<RunResults> runs;
  for (int i = 0; i < 30; ++i) {
    const int noise = i * 7 % 11;
    runs.push_back(run("r" + std::to_string(i), i, {crossed(sample::kKeeps, way((i < 20 ? 1200 : 1280) + noise))}));
  }
  const Trend trend = trend_of(runs);
  std::vector<std::string> names;
  for (const PhaseTrend& one : trend.phases) names.push_back(one.phase);
  EXPECT_THAT(names, ElementsAre("boot", "kexec", "milestone agent", "milestone retrieved", "milestone first-mmio"));
  EXPECT_THAT(trend_text(trend), AllOf(HasSubstr("milestone first-mmio: 120"), HasSubstr("since 2001-09-29"),
                                       HasSubstr("(run r20)"), Not(HasSubstr("milestone agent"))));
}

TEST_F(MilestoneReports, AreComparedBetweenTwoRuns) {
  const auto before = run("a", 0, {crossed(sample::kKeeps, way(1200))});
  const auto after = run("b", 1, {crossed(sample::kKeeps, way(1700))});
  EXPECT_THAT(comparison_text(compare(before, after), before, after), HasSubstr("milestone first-mmio"));
  EXPECT_THAT(comparison_text(compare(before, before), before, before), Not(HasSubstr("milestone")));
}

TEST_F(MilestoneReports, StandInTimingJson) {
  Artifacts artifacts(path(), {}, [](const Error& error) { ADD_FAILURE() << error.what; });
  for (const Event& event : crossed(sample::kKeeps, way(1200))) artifacts.on(event);
  const auto text = read_file(path() / attempt_dir(sample::at(sample::kKeeps)) / "timing.json");
  ASSERT_TRUE(text.ok());
  const auto timing = nlohmann::json::parse(*text);
  ASSERT_EQ(timing["milestones"].size(), 5U);
  EXPECT_EQ(timing["milestones"][3], nlohmann::json::parse(R"({"milestone": "first-mmio/e1000e", "at_ms": 1200})"));
}

TEST(Blackouts, AreDrawnInTheirOrder) {
  HtmlWriter html;
  write_blackout(html, milestones_in_order(way(1000)));
  const std::string text = std::move(html).take();
  EXPECT_THAT(text, AllOf(HasSubstr("milestones: A leaves 0 ms, agent answers 900 ms, retrieved (e1000e) 990 ms, "
                                    "first MMIO (e1000e) 1000 ms"),
                          HasSubstr("x=\"99.00%\""), Not(HasSubstr("77000"))));
}

TEST(Blackouts, AreLeftOutWhereNoKexecWasSeen) {
  HtmlWriter html;
  const std::string empty = HtmlWriter().take();
  write_blackout(html, {});
  write_blackout(html, {{"exec", milliseconds(0)}});
  EXPECT_EQ(std::move(html).take(), empty);
}

}  // namespace
}  // namespace holdfast::reports
