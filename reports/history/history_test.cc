// Do runs side by side show what changed, and only that?
#include <gmock/gmock.h>

#include <functional>
#include <optional>

#include "reports/history/comparison.h"
#include "reports/history/flakiness.h"
#include "reports/history/merge.h"
#include "reports/history/sample_runs_test.h"

namespace holdfast::reports {
namespace {

using sample::settled;
using sample::told;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Verdict kPass = Verdict::passed();
const CaseId kOne = {"S", "One", "nvme"};
const CaseId kTwo = {"S", "Two", ""};

std::vector<std::string> keys(const std::vector<CaseChange>& changes) {
  std::vector<std::string> keys;
  for (const CaseChange& change : changes) keys.push_back(change.id.key());
  return keys;
}

using Compare = sample::Runs;

TEST_F(Compare, PutsEachChangeWhereItBelongs) {
  const auto one = [](const char* name, const std::vector<Verdict>& verdicts) {
    return told(settled({"S", name, ""}, verdicts));
  };
  const RunResults a = run("a", 0,
                           {one("Fixed", {sample::hang()}), one("Still", {sample::hang()}), one("New", {kPass}),
                            one("Gone", {kPass}), one("Lost", {kPass}), one("Same", {kPass}), one("Skips", {kPass})});
  const RunResults b = run("b", 1,
                           {one("Fixed", {kPass}), one("Still", {sample::hang()}), one("New", {sample::hang(), kPass}),
                            one("Added", {sample::hang()}), one("Lost", {sample::vm_killed()}), one("Same", {kPass}),
                            told(sample::planned_skip({"S", "Skips", ""}))});
  const Comparison comparison = compare(a, b);
  EXPECT_THAT(keys(comparison.new_failures), ElementsAre("S.Added", "S.New"));
  EXPECT_THAT(keys(comparison.fixed), ElementsAre("S.Fixed"));
  EXPECT_THAT(keys(comparison.still_failing), ElementsAre("S.Still"));
  EXPECT_THAT(keys(comparison.new_errors), ElementsAre("S.Lost"));
  EXPECT_THAT(keys(comparison.new_skips), ElementsAre("S.Skips"));
  EXPECT_THAT(keys(comparison.gone), ElementsAre("S.Gone"));
  EXPECT_EQ(comparison.exit_code(), 1);
  EXPECT_THAT(comparison_text(comparison, a, b),
              AllOf(HasSubstr("new failures (2):\n  S.Added\n      kernel.hang: kernel B was silent"),
                    HasSubstr("6 cases in both: 2 new failures, 1 fixed, 1 still failing")));
}

TEST_F(Compare, FindsNothingInARunAndItself) {
  const RunResults a = run("a", 0, {told(settled(kOne, {sample::hang()})), told(settled(kTwo, {kPass}))});
  const Comparison comparison = compare(a, a);
  EXPECT_THAT(comparison.new_failures, IsEmpty());
  EXPECT_THAT(comparison.phases, IsEmpty());
  EXPECT_EQ(comparison.exit_code(), 0);
}

TEST_F(Compare, SaysWhenErrorsHideTheAnswer) {
  const RunResults a = run("a", 0, {told(settled(kOne, {kPass}))});
  const RunResults b = run("b", 1, {told(settled(kOne, {sample::vm_killed()}))});
  EXPECT_EQ(compare(a, b).exit_code(), 2);
}

TEST_F(Compare, MatchesOneSuiteWithOneOfAnotherKernelButNeverTargetsThatAreMixed) {
  const RunResults a = run("a", 0, {told(settled(kOne, {kPass}, "qemu/7.3..7.3"))});
  const RunResults b = run("b", 1, {told(settled(kOne, {sample::hang()}, "host-a/7.4..7.4"))});
  EXPECT_EQ(compare(a, b).compared, 1);
  CaseSettled elsewhere = settled(kOne, {kPass}, "host-b/7.4..7.4");
  elsewhere.target = "host-b";
  const RunResults c = run("c", 2, {told(settled(kOne, {kPass}, "qemu/7.4..7.4")), told(elsewhere)});
  const Comparison comparison = compare(a, c);
  EXPECT_EQ(comparison.compared, 1);
  EXPECT_THAT(comparison.gone, IsEmpty());
}

TEST_F(Compare, TellsSuitesOfOneTargetApart) {
  const auto both = [](const Verdict& same, const Verdict& next) {
    return std::vector{told(settled(kOne, {same}, "qemu/7.3..7.3")), told(settled(kOne, {next}, "qemu/7.3..7.4"))};
  };
  const RunResults a = run("a", 0, both(kPass, sample::hang()));
  const RunResults b = run("b", 1, both(sample::hang(), kPass));
  const Comparison comparison = compare(a, b);
  EXPECT_EQ(comparison.compared, 2);
  ASSERT_THAT(comparison.new_failures, SizeIs(1));
  EXPECT_EQ(comparison.new_failures[0].where, "qemu/7.3..7.3");
  ASSERT_THAT(comparison.fixed, SizeIs(1));
  EXPECT_EQ(comparison.fixed[0].where, "qemu/7.3..7.4");
}

TEST_F(Compare, SeesAPhaseThatGrewBeyondTheNoiseOfRepeats) {
  const RunResults a =
      run("a", 0, {sample::timed(kOne, {1000, 1010, 990, 1005}), sample::timed(kTwo, {100, 400, 900})});
  const RunResults b =
      run("b", 1, {sample::timed(kOne, {1080, 1085, 1090, 1075}), sample::timed(kTwo, {700, 200, 900})});
  const Comparison comparison = compare(a, b);
  ASSERT_THAT(comparison.phases, SizeIs(1));  // 80 ms of 1000 where the spread is small; 300 of 400 where it is large
  EXPECT_EQ(comparison.phases[0].what, kOne.key());
  EXPECT_THAT(comparison_text(comparison, a, b),
              HasSubstr("S.One/nvme, kexec: 1002 ms -> 1082 ms (+80 ms; 4 and 4 repeats)"));
}

TEST_F(Compare, TrustsASingleTimeOnlyWhenItIsFarOff) {
  const RunResults a = run("a", 0, {sample::timed(kOne, {1000}), sample::timed(kTwo, {1000})});
  const RunResults b = run("b", 1, {sample::timed(kOne, {1300}), sample::timed(kTwo, {1400})});
  const Comparison comparison = compare(a, b);
  ASSERT_THAT(comparison.phases, SizeIs(1));
  EXPECT_EQ(comparison.phases[0].what, kTwo.key());
  EXPECT_EQ(comparison.phases[0].basis, "one time each");
}

/// Ten cases whose way to the next kernel takes `kexec` and whose boot takes `boot`, a bit more in each further one.
std::vector<std::vector<Event>> ten_cases(const std::function<int(int)>& kexec, std::optional<double> boot = 500) {
  std::vector<std::vector<Event>> cases;
  for (int i = 0; i < 10; ++i) {
    CaseSettled one = settled({"S", "Case" + std::to_string(i), ""}, {kPass});
    one.phases = {{"kexec", std::chrono::milliseconds(kexec(i) + 10 * i)}};
    if (boot) one.phases["boot"] = std::chrono::milliseconds(static_cast<int>(*boot) + 5 * i);
    cases.push_back(told(one));
  }
  return cases;
}

TEST_F(Compare, SeesThatAPhaseGrewAShareInAllCases) {
  const RunResults a = run("a", 0, ten_cases([](int) { return 1000; }));
  const Comparison grown = compare(a, run("b", 1, ten_cases([](int) { return 1080; })));
  ASSERT_THAT(grown.phases, SizeIs(1));
  EXPECT_EQ(grown.phases[0].what, "all cases");
  EXPECT_EQ(grown.phases[0].basis, "10 of 10 cases grew");
  EXPECT_EQ(grown.phases[0].after_ms - grown.phases[0].before_ms, 80);
  EXPECT_THAT(compare(a, run("c", 2, ten_cases([](int i) { return i % 2 == 0 ? 1080 : 930; }))).phases, IsEmpty());
}

TEST_F(Compare, BlamesNoPhaseForAComputerThatIsSlowerInAll) {
  const RunResults a = run("a", 0, ten_cases([](int) { return 1000; }));
  const RunResults slow = run("b", 1, ten_cases([](int i) { return 1100 + i; }, 550));
  const Comparison slower = compare(a, slow);
  EXPECT_THAT(slower.phases, IsEmpty());
  EXPECT_NEAR(slower.pace, 1.1, 0.02);
  EXPECT_THAT(comparison_text(slower, a, slow), HasSubstr("B took 1.10 times as long as A"));
  // The same time to the next kernel from a computer that is slower is a change as well.
  const Comparison quicker = compare(a, run("c", 2, ten_cases([](int) { return 1000; }, 600)));
  ASSERT_THAT(quicker.phases, SizeIs(2));
  EXPECT_EQ(quicker.phases[0].phase, "boot");
}

TEST_F(Compare, NeedsMoreOfAPhaseThatHasNothingBesideIt) {
  const RunResults a = run("a", 0, ten_cases([](int) { return 1000; }, {}));
  EXPECT_THAT(compare(a, run("b", 1, ten_cases([](int) { return 1080; }, {}))).phases, IsEmpty());
  EXPECT_THAT(compare(a, run("c", 2, ten_cases([](int) { return 1180; }, {}))).phases, SizeIs(1));
}

using Flaky = sample::Runs;

TEST_F(Flaky, IsACaseThatPassedAndFailedWithTheSameKernels) {
  std::vector<RunResults> runs;
  for (int i = 0; i < 10; ++i) {
    runs.push_back(run("r" + std::to_string(i), i,
                       {told(settled(kOne, {i % 5 == 2 ? sample::hang() : kPass})),
                        told(settled(kTwo, {sample::vm_killed(), kPass}))}));
  }
  const auto rates = failure_rates(runs);
  ASSERT_THAT(rates, SizeIs(2));
  EXPECT_TRUE(rates[0].flaky());
  EXPECT_EQ(rates[0].id, kOne);
  EXPECT_EQ(rates[0].history, "..F....F..");
  EXPECT_NEAR(rates[0].interval.low, 0.0567, 0.0001);
  EXPECT_NEAR(rates[0].interval.high, 0.5098, 0.0001);
  EXPECT_FALSE(rates[1].flaky());
  EXPECT_EQ(rates[1].trials, 10);
  EXPECT_EQ(rates[1].errors, 10);
  const std::string text = rates_text(rates, runs.size());
  EXPECT_THAT(text,
              AllOf(HasSubstr("S.One/nvme"), HasSubstr("2 of 10"), HasSubstr("5.7 to 51.0 %"), HasSubstr("1 flaky")));
}

TEST_F(Flaky, IsNoCaseThatAnotherKernelBroke) {
  std::vector<RunResults> runs;
  runs.push_back(run("a", 0, {told(settled(kOne, {kPass}))}));
  build_id_ = "beefbeefbeef";
  runs.push_back(run("b", 1, {told(settled(kOne, {sample::hang()}))}));
  const auto rates = failure_rates(runs);
  ASSERT_THAT(rates, SizeIs(2));
  for (const CaseRate& rate : rates) EXPECT_FALSE(rate.flaky());
  EXPECT_EQ(rates[0].builds, "beefbeef..");
}

TEST(Statistics, AreThoseOfTheTextbook) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), 0);
  EXPECT_NEAR(spread({1, 2, 3, 4, 100}), 1.4826, 1e-9);
  EXPECT_TRUE(levels_differ({1, 2, 3}, {11, 12, 13}));
  EXPECT_TRUE(levels_differ({11, 12, 13}, {1, 2, 3}));
  EXPECT_FALSE(levels_differ({1, 5, 1}, {5, 1, 5}));
  EXPECT_FALSE(levels_differ({1, 2, 3}, {2, 3, 4}));
  EXPECT_FALSE(levels_differ({}, {1}));
  const std::vector<double> low{10, 11, 12, 13, 14, 15, 16, 17, 18};
  const std::vector<double> high{18, 19, 20, 21, 22, 23, 24, 25, 26};
  EXPECT_TRUE(levels_differ(low, high)) << "nine on each side, two and a half spreads apart";
  EXPECT_FALSE(levels_differ({10, 12, 14, 18}, {18, 20, 22, 26})) << "as far apart, and only four";
  EXPECT_NEAR(wilson(0, 10).high, 0.2775, 0.0001);
  EXPECT_NEAR(wilson(5, 10).low, 0.2366, 0.0001);
  EXPECT_EQ(wilson(0, 0).high, 1);
  EXPECT_NEAR(sign_test(10, 0), 2.0 / 1024, 1e-9);
  EXPECT_EQ(sign_test(5, 5), 1);
  EXPECT_EQ(sign_test(0, 0), 1);
}

class Merge : public sample::Runs {
 protected:
  static MergedRuns merge(const std::vector<RunResults>& runs, size_t enough_cases = 1000) {
    std::vector<std::filesystem::path> sources;
    for (const RunResults& run : runs) sources.push_back(run.source);
    auto all = merged(*merge_sources(sources), {.enough_cases = enough_cases});
    EXPECT_TRUE(all.ok()) << all.error().what;
    return *std::move(all);
  }
};

TEST_F(Merge, PutsShardsTogether) {
  const RunResults a = run("a", 0, {told(settled(kOne, {kPass}))});
  const RunResults b = run("b", 1, {told(settled(kTwo, {sample::hang()}))});
  const RunRecord record = merge({b, a}).record;
  EXPECT_EQ(sentence(record.tally()), "1 passed, 1 failed, 0 errors, 0 skipped");
  EXPECT_EQ(record.started().run_id, "a+b");
  EXPECT_EQ(record.started().out_dir, path().string());
  EXPECT_EQ(record.ended()->exit_code, 1);
  EXPECT_EQ(record.took(), std::chrono::seconds(20));
  const auto& cases = record.suites().at(sample::kSuite).cases;
  EXPECT_EQ(cases.at(kTwo).attempts[0].dir, "run-b/cases/S.Two/none/attempt-1");
  EXPECT_EQ(record.suites().at(sample::kSuite).facts.at("kernel.build_id"), "cafecafecafe");
}

TEST_F(Merge, SettlesACaseThatSeveralRunsHaveAnew) {
  const RunResults a = run("a", 0, {told(settled(kOne, {sample::vm_killed()})), told(settled(kTwo, {kPass}))});
  const RunResults b = run("b", 1, {told(settled(kOne, {kPass})), told(settled(kTwo, {sample::hang()}))});
  const RunResults c = run("c", 2, {told(sample::planned_skip(kOne)), told(sample::planned_skip(kTwo))});
  const RunRecord record = merge({c, b, a}).record;
  const auto& cases = record.suites().at(sample::kSuite).cases;
  EXPECT_EQ(cases.at(kOne).verdict.outcome, Outcome::kPassed);
  EXPECT_EQ(cases.at(kTwo).verdict.outcome, Outcome::kFlaky);
  ASSERT_THAT(cases.at(kTwo).attempts, SizeIs(2));
  EXPECT_EQ(cases.at(kTwo).attempts[0].where.attempt, 1);
  EXPECT_EQ(cases.at(kTwo).attempts[1].where.attempt, 2);
}

TEST_F(Merge, KeepsThePhasesOfEachAttempt) {
  const RunResults a = run("a", 0, {sample::timed(kOne, {100})});
  const RunResults b = run("b", 1, {sample::timed(kOne, {200})});
  const PhaseLog phases = merge({a, b}).phases;
  EXPECT_EQ(phases.of(sample::at(kOne, 1)).at(0).took, std::chrono::milliseconds(100));
  EXPECT_EQ(phases.of(sample::at(kOne, 2)).at(0).took, std::chrono::milliseconds(200));
}

TEST_F(Merge, ForgetsThePhasesOfWhatPassedWhenThereAreManyCases) {
  const RunResults a = run("a", 0, {sample::timed(kOne, {100}), told(settled(kTwo, {sample::hang()}))});
  const PhaseLog phases = merge({a}, 0).phases;
  EXPECT_THAT(phases.of(sample::at(kOne)), IsEmpty());
  EXPECT_THAT(phases.of(sample::at(kTwo)), SizeIs(2));
}

TEST_F(Merge, NumbersAttemptsOnOverAnyNumberOfRuns) {
  std::vector<RunResults> runs;
  for (int i = 0; i < 4; ++i) runs.push_back(run("r" + std::to_string(i), i, {sample::timed(kOne, {100, 200})}));
  const MergedRuns all = merge(runs);
  const auto& attempts = all.record.suites().at(sample::kSuite).cases.at(kOne).attempts;
  ASSERT_THAT(attempts, SizeIs(8));
  for (size_t i = 0; i < attempts.size(); ++i) EXPECT_EQ(attempts[i].where.attempt, static_cast<int>(i) + 1);
}

TEST_F(Merge, WasInterruptedWhenOneOfThemDidNotEnd) {
  const std::filesystem::path folder = write_run("a", 0, {told(settled(kOne, {kPass}))});
  auto text = read_file(folder / "journal.jsonl");
  ASSERT_TRUE(text.ok());
  ASSERT_TRUE(write_file(folder / "journal.jsonl", text->substr(0, text->rfind("{\"at\""))).ok());
  const auto cut = read_results(folder);
  ASSERT_TRUE(cut.ok());
  const RunResults whole = run("b", 1, {told(settled(kTwo, {kPass}))});
  EXPECT_EQ(merge({*cut, whole}).record.ended()->exit_code, 130);
  EXPECT_EQ(merge({whole}).record.ended()->exit_code, 0);
}

}  // namespace
}  // namespace holdfast::reports
