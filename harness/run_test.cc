// Is a plan carried out to the letter: attempts, retries, a case that dies, hangs or is stopped?
//
// The case's process is played by a shell script: what it writes to its events descriptor is up to each test.
#include "harness/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  }
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
    settings_.kernels = "A..B";
    settings_.replay_argv = {"holdfast", "run"};
  }

  /// The script finds the events descriptor in $fd and the attempt's number in $attempt.
  void script(const std::string& body) {
    const std::string text =
        "while [ $# -gt 0 ]; do case $1 in --events-fd) fd=$2;; --attempt) attempt=$2;; esac; shift; done\n" + body;
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

}  // namespace
}  // namespace holdfast
