// Does each report tell the milestones of a kexec, and does a reader get them back?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

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
  return sample::crossed(std::move(settled));
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

/// What a real machine makes of a constant: a spread of some 2 %, and now and then a run that was slow for a reason of
/// its own.
double measured(double value, std::minstd_rand& random) {
  std::normal_distribution<double> spread(0, 0.02 * value);
  const double slow = random() % 20 == 0 ? 0.25 * value : 0;
  return value + spread(random) + slow;
}

TEST(BlackoutSteps, OfEightyMillisecondsAreSeenInNoiseAndNoneWithoutOne) {
  constexpr int kSeries = 300;
  constexpr size_t kRuns = 30;
  constexpr size_t kSince = 20;
  std::minstd_rand random(20310517);
  int seen = 0;
  int placed = 0;
  int false_alarms = 0;
  for (int i = 0; i < kSeries; ++i) {
    std::vector<double> flat;
    std::vector<double> grown;
    for (size_t run = 0; run < kRuns; ++run) {
      flat.push_back(measured(1200, random));
      grown.push_back(measured(run < kSince ? 1200 : 1280, random));
    }
    false_alarms += find_step(flat) ? 1 : 0;
    const auto step = find_step(grown);
    seen += step && step->after > step->before ? 1 : 0;
    placed += step && step->at + 1 >= kSince && step->at <= kSince + 1 ? 1 : 0;
  }
  EXPECT_GE(seen, kSeries * 85 / 100) << "of the series of a single case";
  EXPECT_GE(placed, kSeries * 75 / 100) << "within a run of where it began";
  EXPECT_LE(false_alarms, kSeries / 100);
}

/// A run of twenty cases that cross a kexec, each with a blackout of its own length.
RunResults twenty_cases(int longer, std::minstd_rand& random) {
  RunResults run;
  for (int i = 0; i < 20; ++i) {
    const auto end = static_cast<int>(measured(1100 + 10 * i + longer, random));
    for (const Event& event : crossed({"S", "Case" + std::to_string(i), "e1000e"}, way(end))) {
      run.record.add(event);
      run.phases.add(event);
    }
  }
  return run;
}

TEST(BlackoutComparison, OfThirtyRunsTellsAGrowthOfEightyMillisecondsFromNoise) {
  std::minstd_rand random(20310517);
  std::vector<RunResults> runs;
  for (int i = 0; i < 30; ++i) runs.push_back(twenty_cases(i < 20 ? 0 : 80, random));
  const auto changed = [&](size_t a, size_t b) {
    const auto phases = compare(runs[a], runs[b]).phases;
    return std::ranges::any_of(
        phases, [](const PhaseChange& one) { return one.what == "all cases" && one.phase == "milestone first-mmio"; });
  };
  int seen = 0;
  int false_alarms = 0;
  for (size_t a = 0; a < 10; ++a) {
    for (size_t b = 0; b < 10; ++b) {
      seen += changed(a, 20 + b) ? 1 : 0;
      false_alarms += changed(a, 10 + b) ? 1 : 0;
    }
  }
  EXPECT_GE(seen, 95) << "of a hundred, one run against one";
  EXPECT_LE(false_alarms, 1) << "of a hundred";
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
