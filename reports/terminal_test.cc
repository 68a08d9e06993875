// Does the terminal say what happened, as plain lines and as a live one?
#include "reports/terminal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "reports/sample_events.h"

namespace holdfast::reports {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What is on a screen after `events`.
std::string shown(const std::vector<Event>& events, TerminalOptions options = {}, bool live = false) {
  std::mutex mutex;
  std::string text;
  const auto write = [&](std::string_view piece) {
    const std::scoped_lock lock(mutex);
    text += piece;
  };
  Screen screen({.live = live, .colour = false}, write, [] { return 100; });
  {
    TerminalReport report(screen, std::move(options));
    for (const Event& event : events) report.on(event);
  }
  return text;
}

std::vector<Event> with_phases(const Where& where) {
  return {CaseStarted{.where = where}, PhaseStarted{.where = where, .phase = "kexec"},
          PhaseEnded{.where = where, .phase = "kexec", .took = milliseconds(1100), .ok = true},
          PhaseStarted{.where = where, .phase = "boot"},
          PhaseEnded{.where = where, .phase = "boot", .took = milliseconds(1200), .ok = true}};
}

TEST(TerminalReport, SaysWhatItIsAboutToDo) {
  RunStarted started = sample::run_started("/out/run");
  started.properties.insert({{"target", "qemu"}, {"kernel", "stock"}, {"next_kernel", "series (/a/path)"}});
  EXPECT_EQ(shown({started}), "run k3f9  kernels stock..series  target qemu  accel tcg  4 cases to run, 1 skipped\n");
  EXPECT_EQ(shown({RunStarted{.run_id = "x", .out_dir = "/", .planned = 1, .skipped = 0, .properties = {}}}),
            "run x  1 case to run, 0 skipped\n");
}

TEST(TerminalReport, GivesAPassedCaseOneLineWithPhasesInTheirOrder) {
  std::vector<Event> events = with_phases(sample::at(sample::kKeeps));
  events.push_back(sample::settled(sample::kKeeps, {Verdict::passed()}));
  EXPECT_EQ(shown(events),
            "suite qemu/stock..series\n"
            "PASS  Preserve.DeviceKeepsItsAddress/e1000e 1.5s  kexec 1.1 boot 1.2\n");
}

TEST(TerminalReport, TellsAFailureWithItsEvidenceAndReplay) {
  const std::string text = shown({sample::run_started("/out/run"), sample::settled(sample::kKeeps, {sample::hang()})});
  EXPECT_THAT(text, HasSubstr("FAIL  Preserve.DeviceKeepsItsAddress/e1000e 1.5s  boot 1.2 kexec 1.1\n"
                              "      kernel.hang: kernel B was silent for 30 s after the kexec\n"
                              "      try: look for the last message of the old kernel\n"
                              "      console, last lines:\n"
                              "      | first line\n"
                              "      | last line\n"
                              "      folder: /out/run/cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1\n"
                              "      replay: holdfast run --filter Preserve.DeviceKeepsItsAddress/e1000e\n"));
}

TEST(TerminalReport, NamesEachOutcome) {
  const auto text = shown({sample::settled({"S", "Error", ""}, {sample::vm_killed()}),
                           sample::settled({"S", "Flaky", ""}, {sample::hang(), Verdict::passed()}),
                           sample::settled({"S", "Forgiven", ""}, {sample::vm_killed(), Verdict::passed()}),
                           sample::planned_skip(sample::kMemfd)});
  EXPECT_THAT(text, AllOf(HasSubstr("ERROR S.Error"), HasSubstr("lab.vm-killed: QEMU was killed by signal 9"),
                          HasSubstr("FLAKY S.Flaky"), HasSubstr("attempt 1: failed, kernel.hang"),
                          HasSubstr("attempt 2: passed"), HasSubstr("PASS  S.Forgiven 3.0s"), HasSubstr("(attempt 2)"),
                          HasSubstr("SKIP  Luo.MemfdSurvives  CONFIG_VFIO_PCI_LIVEUPDATE is off\n")));
}

TEST(TerminalReport, SumsUp) {
  const std::string text = shown({sample::run_started("/out/run"), sample::settled(sample::kKeeps, {sample::hang()}),
                                  sample::run_ended(1, {.passed = 3, .failed = 1, .errors = 0, .skipped = 1})});
  EXPECT_THAT(text, HasSubstr("\nFAIL  Preserve.DeviceKeepsItsAddress/e1000e\n"
                              "3 passed, 1 failed, 0 errors, 1 skipped (5 cases) in 1 min 12 s\n"
                              "report: /out/run/junit.xml\n"
                              "exit 1: a kernel broke its promise\n"));
}

TEST(TerminalReport, SaysHowFarAnInterruptedRunCame) {
  const std::string text =
      shown({sample::run_started("/out/run"), sample::run_ended(130, {.passed = 2})}, {.junit = "/tmp/other.xml"});
  EXPECT_THAT(text, AllOf(HasSubstr("(2 of 5 cases)"), HasSubstr("exit 130: interrupted"),
                          HasSubstr("report: /tmp/other.xml\n")));
}

TEST(TerminalReport, ShowsOnlyFailuresAndTheSummaryWhenQuiet) {
  std::vector<Event> events = {sample::run_started("/out"),
                               Note{.text = "a note"},
                               sample::settled({"S", "Passes", ""}, {Verdict::passed()}),
                               sample::planned_skip(sample::kMemfd),
                               sample::settled({"S", "Fails", ""}, {sample::hang()}),
                               sample::run_ended(1)};
  const std::string text = shown(events, {.verbosity = Verbosity::kQuiet});
  EXPECT_THAT(text, AllOf(HasSubstr("FAIL  S.Fails"), HasSubstr("exit 1"), Not(HasSubstr("S.Passes")),
                          Not(HasSubstr("SKIP ")), Not(HasSubstr("a note")), Not(HasSubstr("run k3f9"))));
}

TEST(TerminalReport, ShowsPhasesWhenVerbose) {
  const auto events = with_phases(sample::at(sample::kMemfd));
  EXPECT_THAT(shown(events, {.verbosity = Verbosity::kVerbose}),
              HasSubstr("  Luo.MemfdSurvives: boot ...\n  Luo.MemfdSurvives: boot done, 1.2 s\n"));
  EXPECT_EQ(shown(events), "");
}

TEST(TerminalReport, ShowsAllowedWarningsWhenVerbose) {
  const std::vector<Event> events = {FindingAllowed{.where = sample::at(sample::kMemfd),
                                                    .kind = "warn",
                                                    .title = "WARNING: a.c:1 at alpha",
                                                    .phase = "bind",
                                                    .kernel = "A",
                                                    .pattern = "alpha",
                                                    .reason = "known"}};
  EXPECT_EQ(shown(events, {.verbosity = Verbosity::kVerbose}),
            "  Luo.MemfdSurvives: allowed warning: WARNING: a.c:1 at alpha (known), kernel A, phase: bind\n");
  EXPECT_EQ(shown(events), "");
}

TEST(TerminalReport, TellsHowATargetWasBroughtBack) {
  const Recovery failed{
      .target = "metal-1", .rung = "ssh reboot", .ok = false, .took = milliseconds(1500), .why = "ssh is silent"};
  Recovery worked = failed;
  worked.rung = "power cycle";
  worked.ok = true;
  EXPECT_EQ(shown({failed, worked}),
            "recovery of metal-1: ssh reboot, 1.5 s: no help: ssh is silent\n"
            "recovery of metal-1: power cycle, 1.5 s: healthy again; before it: ssh is silent\n");
  EXPECT_EQ(shown({worked}, {.verbosity = Verbosity::kQuiet}), "");
}

TEST(TerminalReport, SaysWhichAttemptWasMadeElsewhere) {
  CaseSettled moved = sample::settled(sample::kMemfd, {sample::vm_killed(), sample::hang()});
  moved.attempts[1].where.target = "metal-2";
  const std::string text = shown({moved});
  EXPECT_THAT(text, AllOf(HasSubstr("      attempt 1: error"), HasSubstr("      attempt 2 on metal-2: failed")));
}

TEST(TerminalReport, NamesTheTargetWhenThereAreSeveral) {
  CaseSettled other = sample::settled(sample::kMemfd, {Verdict::passed()});
  other.target = "metal-1";
  EXPECT_THAT(shown({sample::settled(sample::kMemfd, {Verdict::passed()}), other}),
              HasSubstr("Luo.MemfdSurvives on metal-1 1.5s"));
}

TEST(TerminalReport, ShowsTheAccelOfASuiteOnce) {
  const SuiteFacts facts = {.suite = sample::kSuite, .properties = {{"accel", "tcg"}}};
  EXPECT_EQ(shown({facts, facts}), "suite qemu/stock..series  accel tcg\n");
}

TEST(TerminalReport, DrawsAndWipesALiveLine) {
  const Where where = sample::at(sample::kKeeps);
  const std::string text =
      shown({sample::run_started("/out"), CaseStarted{.where = where}, PhaseStarted{.where = where, .phase = "kexec"}},
            {}, true);
  EXPECT_THAT(text, HasSubstr("  Preserve.DeviceKeepsItsAddress/e1000e  kexec 0 s\n[0/5] "));
  EXPECT_TRUE(text.ends_with("\r\x1b[1A\x1b[J")) << text;
}

TEST(TerminalReport, HasALiveLineForEachRunningCase) {
  const std::string text = shown({CaseStarted{.where = sample::at(sample::kKeeps)},
                                  CaseStarted{.where = sample::at(sample::kKeeps, 1, "metal-1")}},
                                 {}, true);
  EXPECT_THAT(text, AllOf(HasSubstr("e1000e on qemu  0 s\n"), HasSubstr("e1000e on metal-1  0 s\n[0/0]")));
}

TEST(TerminalReport, CountsTheCasesThatHaveNoRoom) {
  std::vector<Event> events;
  for (int i = 0; i < 40; ++i) events.emplace_back(CaseStarted{.where = sample::at({"S", fmt::format("N{}", i), ""})});
  EXPECT_THAT(shown(events, {}, true), HasSubstr("(+29 more)"));  // 12 lines at 24 rows, one of them for the whole
}

TEST(TerminalReport, SaysHowMuchTimeIsLeft) {
  const RunStarted started{.run_id = "x", .out_dir = "/", .planned = 3, .skipped = 0, .properties = {}};
  const CaseId one{"S", "One", ""};
  const CaseId two{"S", "Two", ""};
  const CaseStarted begun{.where = sample::at(two)};
  // Nothing is known before a case has ended.
  EXPECT_THAT(shown({started, begun}, {}, true), Not(HasSubstr("left")));
  // One of three took 1.5 s: two are to come.
  const Event ended = sample::settled(one, {Verdict::passed()});
  EXPECT_THAT(shown({started, ended, begun}, {}, true),
              testing::ContainsRegex("\\[1/3\\] [0-9.]+ s, about [23]\\.[0-9] s left"));
  // An earlier run knows two of them; the third counts as one of this run's.
  const ExpectedTimes earlier{{{"qemu", one.key()}, milliseconds(60'000)}, {{"qemu", two.key()}, milliseconds(90'000)}};
  EXPECT_THAT(shown({started, ended, begun}, {.expected = earlier}, true),
              testing::ContainsRegex("about 1 min (31|30|29) s left"));
  // Before anything has ended, the unknown one counts as the others on average.
  EXPECT_THAT(shown({started, begun}, {.expected = earlier}, true),
              testing::ContainsRegex("about 3 min 4[345] s left"));
}

TEST(TerminalReport, SurvivesEventsInAnyOrder) {
  const Where where = sample::at(sample::kKeeps);
  std::vector<Event> events = {RunEnded{},
                               sample::settled(sample::kKeeps, {sample::hang()}),
                               PhaseEnded{.where = where, .phase = "boot"},
                               sample::attempt(where, sample::hang()),
                               SuiteFacts{},
                               Note{},
                               Intent{},
                               CaseSettled{},
                               PhaseStarted{.where = where, .phase = ""},
                               CaseStarted{.where = where},
                               RunStarted{},
                               RunEnded{}};
  for (const bool live : {false, true}) {
    EXPECT_THAT(shown(events, {.verbosity = Verbosity::kVerbose}, live), HasSubstr("exit 0"));
  }
}

TEST(TerminalReport, LetsNoConsoleControlTheTerminal) {
  Verdict verdict = sample::hang();
  verdict.message = "a\x1b[2J\nPASS forged";
  verdict.evidence = {{"console\x07", "x\x1b]0;title\x07y\nz"}};
  const std::string text = shown({sample::settled({"S\x1b[0m", "N\r", "d\xff"}, {verdict})});
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07")), Not(HasSubstr("\nPASS")),
                          HasSubstr("| x\\x1b]0;title\\x07y\n")));
}

}  // namespace
}  // namespace holdfast::reports
