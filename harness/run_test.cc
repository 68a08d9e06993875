// Is a plan carried out to the letter: attempts, retries, a case that dies, hangs or is stopped?
//
// The case's process is played by a shell script: what it writes to its events descriptor is up to each test.
#include "harness/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>

#include "harness/base/file.h"
#include "harness/event_codec.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Remembers what was settled.
class Witness : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* one = std::get_if<CaseSettled>(&event)) settled.push_back(*one);
    if (std::get_if<RunEnded>(&event) != nullptr) ended = true;
    if (const auto* one = std::get_if<PhaseEnded>(&event)) phases.push_back(one->phase);
    if (const auto* facts = std::get_if<SuiteFacts>(&event)) suites.push_back(facts->suite);
    if (const auto* note = std::get_if<Note>(&event)) notes.push_back(note->text);
    if (const auto* attempt = std::get_if<AttemptEnded>(&event)) attempts.push_back(*attempt);
  }
  std::vector<AttemptEnded> attempts;
  std::vector<std::string> notes;
  std::vector<CaseSettled> settled;
  std::vector<std::string> phases;
  std::vector<std::string> suites;
  bool ended = false;
};

class CarryOut : public testing::Test {
 protected:
  CarryOut() {
    info_.suite = "Suite";
    info_.name = "Case";
    info_.needs.timeout = std::chrono::seconds(20);
    settings_.dir = dir_.path();
    settings_.targets["vm"].kernels = "A..B";
    settings_.replay_argv = {"holdfast", "run"};
  }

  /// The script finds the events descriptor in $fd, the attempt's number in $attempt, its target in $target, and in
  /// $holds what the custody gave it.
  void script(const std::string& body) {
    const std::string text =
        "while [ $# -gt 0 ]; do case $1 in --events-fd) fd=$2;; --attempt) attempt=$2;; --target) target=$2;; "
        "--holds) holds=$2;; esac; shift; done\n" +
        body;
    ASSERT_TRUE(write_file(dir_.path() / "case.sh", text));
    settings_.case_argv = {"/bin/bash", (dir_.path() / "case.sh").string()};
  }

  static std::string says(const Event& event) { return "printf '%s\\n' '" + encode(event) + "' >&$fd\n"; }
  static std::string ends_with(Verdict verdict) {
    AttemptEnded ended;
    ended.verdict = std::move(verdict);
    return says(ended);
  }

  int run(size_t cases = 1) {
    Plan plan;
    for (size_t i = 0; i < cases; ++i) {
      plan.cases.push_back({.target = "vm",
                            .info = &info_,
                            .id = {"Suite", "Case", std::to_string(i)},
                            .devices = {},
                            .skip_reason = {}});
    }
    return carry_out(plan, {{.name = "vm", .devices = {}, .traits = {}, .slots = 1}}, {settings_, witness_, stop_});
  }

  TempDir dir_ = *TempDir::create();
  Stop stop_ = *Stop::create();
  CaseInfo info_;
  RunSettings settings_;
  Witness witness_;
};

Verdict failed() { return Verdict::from(kernel_error("promise", "broken")); }
Verdict lost() { return Verdict::from(lab_error("vm-killed", "gone")); }

/// What became of an attempt of the one case in an earlier run.
AttemptEnded before(int number, Verdict verdict) {
  AttemptEnded ended;
  ended.where = {.target = "vm", .id = {"Suite", "Case", "0"}, .attempt = number};
  ended.verdict = std::move(verdict);
  return ended;
}
Verdict cut_off() { return Verdict::from(harness_error("interrupted", "the run was cut off")); }

TEST_F(CarryOut, GoesOnBehindTheAttemptsOfARunThatWasCutOff) {
  settings_.begun_before[{"vm", {"Suite", "Case", "0"}}].attempts = {before(1, cut_off())};
  script("[ $attempt = 2 ] || exit 1\n" + ends_with(Verdict::passed()));
  EXPECT_EQ(run(), 0);
  ASSERT_EQ(witness_.settled.size(), 1U);
  ASSERT_EQ(witness_.settled[0].attempts.size(), 2U);
  EXPECT_EQ(witness_.settled[0].attempts[0].verdict.type, kInterruptedType);
  EXPECT_EQ(witness_.settled[0].verdict.outcome, Outcome::kPassed);
}

TEST_F(CarryOut, SettlesACaseWhoseAttemptsWereOverWhenTheRunWasCutOff) {
  settings_.begun_before[{"vm", {"Suite", "Case", "0"}}].attempts = {
      before(1, Verdict::from(kernel_error("hang", "it hung")))};
  script("exit 1\n");
  EXPECT_EQ(run(), 1);
  ASSERT_EQ(witness_.settled.size(), 1U);
  EXPECT_EQ(witness_.settled[0].attempts.size(), 1U) << "a failure is not run again into something else";
}

TEST_F(CarryOut, CountsAttemptsForRepeatAcrossTheCut) {
  settings_.repeat = 2;
  settings_.begun_before[{"vm", {"Suite", "Case", "0"}}].attempts = {before(1, Verdict::passed()),
                                                                     before(2, cut_off())};
  script(ends_with(Verdict::passed()));
  EXPECT_EQ(run(), 0);
  ASSERT_EQ(witness_.settled.size(), 1U);
  EXPECT_EQ(witness_.settled[0].attempts.size(), 3U);
}

TEST_F(CarryOut, CountsCasesThatWereSettledBeforeAlthoughThePlanHasThemNoMore) {
  settings_.settled_before[{"vm", {"Suite", "Gone", ""}}] = Outcome::kFailed;
  settings_.settled_before[{"vm", {"Suite", "Case", "0"}}] = Outcome::kPassed;
  script("exit 1\n");
  EXPECT_EQ(run(), 1);
  EXPECT_TRUE(witness_.settled.empty());
}

TEST_F(CarryOut, PassesEventsOnAndSettles) {
  script(says(SuiteFacts{"", {{"accel", "tcg"}}}) + says(PhaseEnded{{}, "boot", Millis(12), true}) +
         ends_with(Verdict::passed()));
  EXPECT_EQ(run(), 0);
  ASSERT_EQ(witness_.settled.size(), 1U);
  EXPECT_EQ(witness_.settled[0].verdict.outcome, Outcome::kPassed);
  EXPECT_EQ(witness_.settled[0].suite, "vm/A..B");
  EXPECT_EQ(witness_.settled[0].replay, "holdfast run --target vm --filter Suite.Case");
  EXPECT_THAT(witness_.phases, ElementsAre("boot"));
  EXPECT_THAT(witness_.suites, ElementsAre("vm/A..B"));
  EXPECT_TRUE(witness_.ended);
}

TEST_F(CarryOut, AKernelFailureIsExitOne) {
  script(ends_with(failed()));
  EXPECT_EQ(run(2), 1);
  EXPECT_EQ(witness_.settled.size(), 2U) << "the rest must still run";
}

TEST_F(CarryOut, CountsWhatWasSettledBeforeAndDoesNotRunItAgain) {
  settings_.settled_before = {{{"vm", {"Suite", "Case", "0"}}, Outcome::kFailed},
                              {{"elsewhere", {"Suite", "Case", "1"}}, Outcome::kFailed}};
  script(ends_with(Verdict::passed()));
  EXPECT_EQ(run(2), 1) << "a failure of before is one of the whole";
  ASSERT_EQ(witness_.settled.size(), 1U);
  EXPECT_EQ(witness_.settled[0].id.device, "1");
  settings_.failfast = true;
  EXPECT_EQ(run(2), 1);
  EXPECT_EQ(witness_.settled[1].verdict.outcome, Outcome::kSkipped) << "it failed before";
}

TEST_F(CarryOut, NotesEachEntryOfTheIgnoreListThatMatchedNothing) {
  settings_.allowances = {{.kind = "warn", .title = "used*", .reason = "known", .source = "lab.toml:1:1"},
                          {.kind = "warn", .title = "stale*", .reason = "mended", .source = "lab.toml:5:1"}};
  script(says(FindingAllowed{.where = {},
                             .kind = "warn",
                             .title = "used here",
                             .phase = "boot",
                             .kernel = "A",
                             .pattern = "used*",
                             .reason = "known"}) +
         ends_with(Verdict::passed()));
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(witness_.notes, ElementsAre("lab.toml:5:1: [[allow]] \"stale*\" matched nothing in this run (mended)"));
}

TEST_F(CarryOut, FailfastSkipsTheRestWithTheReason) {
  settings_.failfast = true;
  script(ends_with(failed()));
  EXPECT_EQ(run(3), 1);
  ASSERT_EQ(witness_.settled.size(), 3U);
  EXPECT_EQ(witness_.settled[2].verdict.outcome, Outcome::kSkipped);
  EXPECT_THAT(witness_.settled[2].verdict.message, HasSubstr("--failfast"));
}

TEST_F(CarryOut, AnInfraErrorIsTriedAgainAsOftenAsAllowed) {
  settings_.retry_infra = 1;
  script("if [ $attempt = 1 ]; then\n" + ends_with(lost()) + "else\n" + ends_with(Verdict::passed()) + "fi\n");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(witness_.settled.at(0).attempts.size(), 2U);
  settings_.retry_infra = 0;
  EXPECT_EQ(run(), 2);
}

TEST_F(CarryOut, AKernelFailureIsNeverRetriedIntoAPass) {
  settings_.retry_infra = 5;
  script("if [ $attempt = 1 ]; then\n" + ends_with(failed()) + "else\n" + ends_with(Verdict::passed()) + "fi\n");
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(witness_.settled.at(0).attempts.size(), 1U);
}

TEST_F(CarryOut, RepeatRunsThemAllAndCallsAMixtureFlaky) {
  settings_.repeat = 3;
  script("if [ $attempt = 2 ]; then\n" + ends_with(failed()) + "else\n" + ends_with(Verdict::passed()) + "fi\n");
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(witness_.settled.at(0).attempts.size(), 3U);
  EXPECT_EQ(witness_.settled.at(0).verdict.outcome, Outcome::kFlaky);
}

TEST_F(CarryOut, ACaseThatDiesIsAHarnessErrorWithItsLastWords) {
  script("echo famous last words; kill -SEGV $$\n");
  EXPECT_EQ(run(), 2);
  const Verdict& verdict = witness_.settled.at(0).verdict;
  EXPECT_EQ(verdict.type, "harness.case-died");
  EXPECT_THAT(verdict.message, HasSubstr("signal 11"));
  EXPECT_THAT(verdict.evidence.at(0).text, HasSubstr("famous last words"));
}

TEST_F(CarryOut, ACaseThatSaysNonsenseIsAHarnessError) {
  script("echo nonsense >&$fd; exit 0\n");
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(witness_.settled.at(0).verdict.type, "harness.case-died");
}

TEST_F(CarryOut, AStoppedRunReportsOnlyWhatWasDecided) {
  script("if [ \"$attempt\" = 1 ] && [ -e " + (dir_.path() / "second").string() + " ]; then sleep 60; fi\n: > " +
         (dir_.path() / "second").string() + "\n" + ends_with(Verdict::passed()));
  const std::jthread asks([&] {
    while (!std::filesystem::exists(dir_.path() / "second")) wait_until(Deadline::after(Millis(5)));
    wait_until(Deadline::after(Millis(200)));
    stop_.request();
  });
  EXPECT_EQ(run(3), 130);
  EXPECT_EQ(witness_.settled.size(), 1U);
  EXPECT_TRUE(witness_.ended);
}

TEST_F(CarryOut, ARunThatIsOutOfTimeSkipsTheRestAndWasNotInterrupted) {
  settings_.settled_before[{"vm", {"Suite", "Case", "2"}}] = Outcome::kPassed;
  settings_.out_of_time = [] { return std::optional<std::string>("out of time: 5 h"); };
  script("if [ -e " + (dir_.path() / "second").string() + " ]; then sleep 60; fi\n: > " +
         (dir_.path() / "second").string() + "\n" + ends_with(Verdict::passed()));
  const std::jthread asks([&] {
    while (!std::filesystem::exists(dir_.path() / "second")) wait_until(Deadline::after(Millis(5)));
    wait_until(Deadline::after(Millis(200)));
    stop_.request();
  });
  EXPECT_EQ(run(4), 0);
  ASSERT_EQ(witness_.settled.size(), 3U) << "the one that passed, the one that was cut off, the one that never began";
  EXPECT_EQ(witness_.settled[0].verdict.outcome, Outcome::kPassed);
  for (const size_t at : {1U, 2U}) {
    EXPECT_EQ(witness_.settled[at].verdict.type, "plan.budget");
    EXPECT_EQ(witness_.settled[at].verdict.message, "out of time: 5 h");
  }
}

/// A custody that does as its test says and remembers what it was asked for.
class FakeCustody : public Custody {
 public:
  Result<void> take(const Deadline& /*deadline*/) override {
    calls.emplace_back("take");
    return refuses_take ? Result<void>(lab_error("leased", "held by bob")) : Result<void>();
  }
  Result<void> make_ready(const Deadline& /*deadline*/) override {
    calls.emplace_back("ready");
    return healthy_for-- > 0 ? Result<void>() : Result<void>(lab_error("quarantined", "it is dead"));
  }
  Result<void> give_back(const Deadline& /*deadline*/) override {
    calls.emplace_back("give back");
    return {};
  }
  std::vector<std::string> case_argv() const override { return {"--holds", "it"}; }
  const Stop& lost() const override { return lost_; }

  bool refuses_take = false;
  int healthy_for = 100;
  std::vector<std::string> calls;

 private:
  Stop lost_ = *Stop::create();
};

class CarryOutOnMetal : public CarryOut {
 protected:
  CarryOutOnMetal() {
    add_target("metal-1");
    settings_.timeout_scale = 1.0;
    info_.needs.devices = one_device({"msix"});
  }

  void add_target(const std::string& name, std::vector<std::string> traits = {"msix"}) {
    const Device nic{.role = "nic", .bdf = "0000:01:00.0", .model = "nic", .traits = std::move(traits)};
    targets_.push_back({.name = name, .devices = {nic}, .traits = {}, .slots = 1});
    settings_.targets[name].kernels = "A..B";
    auto custody = std::make_unique<FakeCustody>();
    custodies_[name] = custody.get();
    custodians_[name] = std::move(custody);
  }
  void add_case(const std::string& target) {
    ++cases_;
    const std::string name = "Case" + std::to_string(cases_);
    plan_.cases.push_back({.target = target,
                           .info = &info_,
                           .id = {"Suite", name, "nic"},
                           .devices = {targets_.front().devices.front()},
                           .skip_reason = {}});
  }
  int carry() { return carry_out(plan_, targets_, {settings_, witness_, stop_}, custodians_); }
  /// "metal-1 Case1: metal-1#1 error, metal-2#2 passed": the case and its attempts.
  std::vector<std::string> story() const {
    std::vector<std::string> lines;
    for (const CaseSettled& one : witness_.settled) {
      std::string line = one.target + " " + one.id.name + " " + std::string(to_string(one.verdict.outcome));
      for (const AttemptEnded& attempt : one.attempts) {
        line += " " + attempt.where.target + "#" + std::to_string(attempt.where.attempt);
      }
      lines.push_back(line);
    }
    return lines;
  }

  std::vector<TargetProfile> targets_;
  std::map<std::string, FakeCustody*> custodies_;
  Custodians custodians_;
  Plan plan_;
  int cases_ = 0;
};

TEST_F(CarryOutOnMetal, TakesItOnceMakesItReadyBeforeEachCaseAndGivesItBack) {
  script("[ \"$holds\" = it ] || exit 1\n" + ends_with(Verdict::passed()));
  add_case("metal-1");
  add_case("metal-1");
  EXPECT_EQ(carry(), 0);
  EXPECT_THAT(custodies_["metal-1"]->calls, ElementsAre("take", "ready", "ready", "give back"));
  EXPECT_EQ(witness_.attempts.at(0).dir, "cases/Suite.Case1/nic/attempt-1");
}

TEST_F(CarryOutOnMetal, IsLeftAloneWhenNothingRunsThere) {
  script(ends_with(Verdict::passed()));
  EXPECT_EQ(carry(), 3);
  EXPECT_THAT(custodies_["metal-1"]->calls, testing::IsEmpty());
}

TEST_F(CarryOutOnMetal, ACaseThatWasCutOffIsRunAgainOnlyWhenAskedFor) {
  script(ends_with(Verdict::passed()));
  add_case("metal-1");
  AttemptEnded first = before(1, cut_off());
  first.where.target = "metal-1";
  settings_.begun_before[{"metal-1", plan_.cases[0].id}].attempts = {first};
  EXPECT_EQ(carry(), 2);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 error metal-1#1"));
  EXPECT_EQ(witness_.settled.at(0).verdict.type, kInterruptedType);
  EXPECT_THAT(custodies_["metal-1"]->calls, testing::IsEmpty());
  settings_.rerun_interrupted = true;
  EXPECT_EQ(carry(), 0);
  EXPECT_THAT(story().back(), "metal-1 Case1 passed metal-1#1 metal-1#2");
}

TEST_F(CarryOutOnMetal, EachCaseIsAnErrorWithoutAnAttemptWhenItCannotBeTaken) {
  script(ends_with(Verdict::passed()));
  custodies_["metal-1"]->refuses_take = true;
  settings_.retry_infra = 3;
  add_case("metal-1");
  add_case("metal-1");
  EXPECT_EQ(carry(), 2);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 error", "metal-1 Case2 error"));
  EXPECT_EQ(witness_.settled[0].verdict.type, "lab.leased");
  EXPECT_THAT(witness_.notes, ElementsAre("metal-1 is out of this run: held by bob"));
  EXPECT_THAT(custodies_["metal-1"]->calls, ElementsAre("take"));
}

TEST_F(CarryOutOnMetal, CasesOfALostTargetGoToOneThatCanTakeThem) {
  script(ends_with(Verdict::passed()));
  add_target("metal-2");
  add_target("metal-3", {"intx"});
  custodies_["metal-1"]->healthy_for = 1;
  for (int i = 0; i < 3; ++i) add_case("metal-1");
  EXPECT_EQ(carry(), 0);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 passed metal-1#1", "metal-1 Case2 passed metal-2#1",
                                   "metal-1 Case3 passed metal-2#1"));
  EXPECT_THAT(custodies_["metal-2"]->calls, ElementsAre("take", "ready", "ready", "give back"));
  EXPECT_THAT(custodies_["metal-3"]->calls, testing::IsEmpty()) << "its device has no msix";
}

TEST_F(CarryOutOnMetal, NobodyStandsInForOneWithOtherDevices) {
  script(ends_with(Verdict::passed()));
  add_target("metal-2", {"intx"});
  custodies_["metal-1"]->healthy_for = 0;
  add_case("metal-1");
  EXPECT_EQ(carry(), 2);
  EXPECT_EQ(witness_.settled.at(0).verdict.type, "lab.quarantined");
}

TEST_F(CarryOutOnMetal, AnInfraErrorIsTriedAgainElsewhereWhenTheMachineIsGone) {
  script("if [ $target = metal-1 ]; then\n" + ends_with(lost()) + "else\n" + ends_with(Verdict::passed()) + "fi\n");
  add_target("metal-2");
  custodies_["metal-1"]->healthy_for = 1;
  settings_.retry_infra = 1;
  add_case("metal-1");
  EXPECT_EQ(carry(), 0);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 passed metal-1#1 metal-2#2"));
  EXPECT_EQ(witness_.attempts.at(1).dir, "cases/Suite.Case1/nic/metal-2/attempt-2");
}

TEST_F(CarryOutOnMetal, AKernelFailureStaysOneWhenTheMachineIsGoneAfterIt) {
  script(ends_with(failed()));
  add_target("metal-2");
  custodies_["metal-1"]->healthy_for = 1;
  settings_.retry_infra = 5;
  add_case("metal-1");
  EXPECT_EQ(carry(), 1);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 failed metal-1#1"));
}

TEST_F(CarryOutOnMetal, ARepeatThatCouldNotBeMadeIsNoPass) {
  script(ends_with(Verdict::passed()));
  custodies_["metal-1"]->healthy_for = 1;
  settings_.repeat = 2;
  add_case("metal-1");
  EXPECT_EQ(carry(), 2);
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 error metal-1#1"));
}

TEST_F(CarryOutOnMetal, WhenTheLeaseIsLostTheCaseIsKilledAndTheTargetLeftAlone) {
  // What would be done on SIGTERM, and what comes later, must not happen: both touch the machine.
  const std::string touched = (dir_.path() / "touched").string();
  const std::string started = (dir_.path() / "started").string();
  script("trap ': > " + touched + "; exit' TERM\n: > " + started + "\nsleep 60 & wait\n: > " + touched + "\n");
  add_case("metal-1");
  add_case("metal-1");
  const std::jthread loses([&] {
    while (!std::filesystem::exists(started)) wait_until(Deadline::after(Millis(5)));
    custodies_["metal-1"]->lost().request();
  });
  EXPECT_EQ(carry(), 2);
  EXPECT_EQ(witness_.attempts.at(0).verdict.type, "lab.lease-lost");
  EXPECT_THAT(story(), ElementsAre("metal-1 Case1 error metal-1#1", "metal-1 Case2 error"));
  EXPECT_FALSE(std::filesystem::exists(touched));
  EXPECT_THAT(custodies_["metal-1"]->calls, ElementsAre("take", "ready")) << "nothing is given back";
}

TEST_F(CarryOutOnMetal, AnInterruptedRunGivesItBack) {
  const std::string started = (dir_.path() / "started").string();
  script(": > " + started + "\nexec sleep 60\n");
  add_case("metal-1");
  const std::jthread asks([&] {
    while (!std::filesystem::exists(started)) wait_until(Deadline::after(Millis(5)));
    stop_.request();
  });
  EXPECT_EQ(carry(), 130);
  EXPECT_THAT(custodies_["metal-1"]->calls, ElementsAre("take", "ready", "give back"));
}

TEST_F(CarryOutOnMetal, TheSameCaseOnTwoTargetsHasTwoFolders) {
  script(ends_with(Verdict::passed()));
  add_target("metal-2");
  add_case("metal-1");
  plan_.cases.push_back(plan_.cases.front());
  plan_.cases.back().target = "metal-2";
  EXPECT_EQ(carry(), 0);
  std::vector<std::string> folders;
  for (const AttemptEnded& one : witness_.attempts) folders.push_back(one.dir);
  EXPECT_THAT(folders, testing::UnorderedElementsAre("cases/Suite.Case1/nic/metal-1/attempt-1",
                                                     "cases/Suite.Case1/nic/metal-2/attempt-1"));
}

TEST_F(CarryOutOnMetal, ACaseThatComesToATargetWithTheSameCaseGetsAFolderOfItsOwn) {
  script(ends_with(Verdict::passed()));
  add_target("metal-2");
  custodies_["metal-1"]->healthy_for = 0;
  add_case("metal-1");
  plan_.cases.push_back(plan_.cases.front());
  plan_.cases.back().target = "metal-2";
  EXPECT_EQ(carry(), 0);
  ASSERT_EQ(witness_.attempts.size(), 2U);
  EXPECT_NE(witness_.attempts[0].dir, witness_.attempts[1].dir);
  EXPECT_EQ(witness_.attempts[0].where.target, "metal-2");
}

}  // namespace
}  // namespace holdfast
