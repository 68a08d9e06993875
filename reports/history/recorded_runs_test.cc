// Do the reports over runs stay silent on thirty real runs of one kernel, and see 80 ms more on top of them?
//
// recorded_runs.txt holds the times of runs of `holdfast run --jobs 1` on a machine in QEMU, one after the other on a
// computer that did nothing else: noise as it is, and nothing that changed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "harness/base/text.h"
#include "reports/history/comparison.h"
#include "reports/history/sample_runs_test.h"
#include "reports/history/trend.h"
#include "reports/report_verbs.h"
#include "tools/ctest/places.h"

namespace holdfast::reports {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr milliseconds kGrowth{80};
constexpr size_t kSince = 20;

/// What comes later when the kernel that comes up takes longer for it.
bool waits_for_next_kernel(std::string_view milestone) { return !milestone.starts_with("exec"); }

/// The cases of a run, in the order in which they were settled.
using Recorded = std::vector<CaseSettled>;

std::map<std::string, milliseconds> times_in(std::string_view text) {
  std::map<std::string, milliseconds> times;
  std::istringstream words{std::string(text)};
  std::string name;
  for (int ms = 0; words >> name >> ms;) times[name] = milliseconds(ms);
  return times;
}

/// A line for each case: run | suite name device ("-" for none) | phase ms... | milestone ms...
std::vector<Recorded> recorded_runs() {
  std::vector<Recorded> runs;
  std::string current;
  const auto text = read_file(source_dir() / "reports/history/recorded_runs.txt");
  EXPECT_TRUE(text.ok()) << text.error().what;
  if (!text) return runs;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto parts = split(line, '|');
    if (parts.size() != 4) {
      ADD_FAILURE() << line;
      continue;
    }
    if (parts[0] != current) runs.emplace_back();
    current = parts[0];
    CaseId id;
    std::istringstream(std::string(parts[1])) >> id.suite >> id.name >> id.device;
    if (id.device == "-") id.device.clear();
    CaseSettled settled = sample::settled(id, {Verdict::passed()});
    settled.phases = times_in(parts[2]);
    settled.milestones = times_in(parts[3]);
    runs.back().push_back(std::move(settled));
  }
  return runs;
}

/// As if each kernel that comes up took kGrowth longer.
Recorded grown(Recorded run) {
  for (CaseSettled& one : run) {
    const auto kexecs =
        std::ranges::count_if(one.milestones, [](const auto& of) { return of.first.starts_with("exec"); });
    if (one.phases.contains("kexec")) one.phases["kexec"] += kexecs * kGrowth;
    for (auto& [key, at] : one.milestones) at += waits_for_next_kernel(key) ? kGrowth : milliseconds(0);
  }
  return run;
}

RunResults results_of(const Recorded& run) {
  RunResults results;
  for (const CaseSettled& one : run) {
    for (const Event& event : sample::crossed(one)) {
      results.record.add(event);
      results.phases.add(event);
    }
  }
  return results;
}

std::vector<RunResults> results_of(const std::vector<Recorded>& runs) {
  std::vector<RunResults> results;
  for (const Recorded& run : runs) results.push_back(results_of(run));
  return results;
}

class RecordedRuns : public sample::Runs {
 protected:
  void SetUp() override {
    sample::Runs::SetUp();
    ASSERT_THAT(recorded_, SizeIs(30));
    for (const Recorded& run : recorded_) ASSERT_THAT(run, SizeIs(recorded_[0].size()));
    ASSERT_GE(recorded_[0].size(), kEnoughCases);
  }
  const std::vector<Recorded> recorded_ = recorded_runs();
};

TEST_F(RecordedRuns, OfOneKernelShowNoStep) {
  for (const PhaseTrend& phase : trend_of(results_of(recorded_)).phases) {
    EXPECT_FALSE(phase.step) << phase.phase << ": " << phase.step->before << " -> " << phase.step->after
                             << " ms at run " << phase.step->at;
  }
}

TEST_F(RecordedRuns, ThatTakeLongerFromOneNightOnSayWhichWhereverItIs) {
  for (size_t since = 5; since + 5 <= recorded_.size(); ++since) {
    std::vector<Recorded> runs = recorded_;
    for (size_t i = since; i < runs.size(); ++i) runs[i] = grown(std::move(runs[i]));
    for (const PhaseTrend& phase : trend_of(results_of(runs)).phases) {
      const std::string& name = phase.phase;
      // A console that is quiet does not always say when it begins.
      const bool always = name == "kexec" || name == "milestone init" || name == "milestone agent" ||
                          name == "milestone retrieved" || name == "milestone first-mmio";
      if (!always) continue;
      ASSERT_TRUE(phase.step) << name << " from run " << since;
      EXPECT_NEAR(static_cast<double>(phase.step->at), static_cast<double>(since), 1) << name;
      EXPECT_NEAR(phase.step->after - phase.step->before, 80, 25) << name << " from run " << since;
    }
  }
}

TEST_F(RecordedRuns, ComparedWithEachOtherSayNothing) {
  const std::vector<RunResults> runs = results_of(recorded_);
  int pairs = 0;
  int alarms = 0;
  std::string told;
  for (size_t a = 0; a < runs.size(); ++a) {
    for (size_t b = 0; b < runs.size(); ++b) {
      if (a == b) continue;
      const Comparison comparison = compare(runs[a], runs[b]);
      EXPECT_EQ(comparison.exit_code(), 0);
      EXPECT_EQ(comparison.compared, static_cast<int>(recorded_[0].size()));
      ++pairs;
      if (comparison.phases.empty()) continue;
      ++alarms;
      const PhaseChange& one = comparison.phases[0];
      told += fmt::format("{} and {}: {}, {}: {:.0f} -> {:.0f} ms\n", a, b, one.what, one.phase, one.before_ms,
                          one.after_ms);
    }
  }
  EXPECT_LE(alarms, pairs / 50) << told;
}

TEST_F(RecordedRuns, ComparedWithOneThatTakesLongerSayBlackoutAndHowMuch) {
  const std::vector<RunResults> before = results_of(recorded_);
  int pairs = 0;
  int seen = 0;
  for (size_t b = 0; b < recorded_.size(); ++b) {
    const RunResults after = results_of(grown(recorded_[b]));
    for (size_t a = 0; a < before.size(); ++a) {
      if (a == b) continue;
      const auto phases = compare(before[a], after).phases;
      const auto blackout = std::ranges::find_if(
          phases, [](const PhaseChange& one) { return one.what == "all cases" && one.phase == "milestone agent"; });
      ++pairs;
      seen += blackout != phases.end() && blackout->after_ms > blackout->before_ms ? 1 : 0;
    }
  }
  EXPECT_GE(seen, pairs * 80 / 100) << "of pairs of single runs; a trend sees all";
}

TEST_F(RecordedRuns, ReadFromTheirFoldersGiveTheSameTrend) {
  for (size_t i = 0; i < recorded_.size(); ++i) {
    std::vector<std::vector<Event>> cases;
    for (const CaseSettled& one : i < kSince ? recorded_[i] : grown(recorded_[i]))
      cases.push_back(sample::crossed(one));
    write_run(fmt::format("r{}", i), static_cast<int>(i), cases);
  }
  const auto trend = report_trend({path()}, path() / "trend.html");
  ASSERT_TRUE(trend.ok()) << trend.error().what;
  EXPECT_THAT(trend->text, AllOf(HasSubstr(fmt::format("30 runs, {} cases compared", recorded_[0].size())),
                                 HasSubstr("milestone first-mmio: "), HasSubstr("(run r20)")));
  EXPECT_THAT(trend->text, Not(HasSubstr("boot:")));
  const auto compared = report_compare(path() / "run-r19", path() / "run-r20");
  ASSERT_TRUE(compared.ok()) << compared.error().what;
  EXPECT_THAT(compared->text, HasSubstr("all cases, milestone agent: "));
}

}  // namespace
}  // namespace holdfast::reports
