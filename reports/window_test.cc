// What does somebody see in a real terminal while a run goes on?
#include "reports/window_test.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <optional>

#include "harness/base/text.h"
#include "reports/sample_events.h"
#include "reports/terminal.h"

namespace holdfast::reports {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const Verdict kPass = Verdict::passed();

CaseId numbered(int number) { return {"Theme", fmt::format("Requirement{:02}", number), "e1000e"}; }

/// A run in a window, event by event.
class InWindow : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TERM", "xterm", 1);
    for (const char* name : {"CI", "NO_COLOR"}) ::unsetenv(name);
  }
  void TearDown() override {
    for (const char* name : {"CI", "NO_COLOR"}) ::unsetenv(name);
  }

  void begin(size_t width, Verbosity verbosity = Verbosity::kNormal) {
    window_.emplace(width);
    screen_.emplace(window_->fd());
    report_.emplace(*screen_, TerminalOptions{.verbosity = verbosity});
    tell(RunStarted{.run_id = "k3f9", .out_dir = "/out/run", .planned = 8, .skipped = 0, .properties = {}});
  }
  void tell(const Event& event) {
    report_->on(event);
    window_->drain();
  }
  void start(int number, const char* phase = "boot") {
    const Where where = sample::at(numbered(number));
    tell(CaseStarted{.where = where});
    tell(PhaseStarted{.where = where, .phase = phase});
  }
  void settle(int number, const Verdict& verdict = kPass) { tell(sample::settled(numbered(number), {verdict})); }
  /// All that stands there when the program is gone.
  std::vector<std::string> end() {
    tell(sample::run_ended(1, {.passed = 7, .failed = 1}));
    report_.reset();
    screen_.reset();
    return window_->rows();
  }
  std::vector<std::string> rows() { return window_->rows(); }

  std::optional<sample::Window> window_;
  std::optional<Screen> screen_;
  std::optional<TerminalReport> report_;
};

TEST_F(InWindow, FinishedCasesStandAboveALineForEachThatRunsAndTheTimeThatIsLeft) {
  begin(100);
  start(1);
  settle(1);
  start(2);
  start(3, "kexec");
  const auto seen = rows();
  ASSERT_THAT(seen, SizeIs(6));
  EXPECT_EQ(seen[1], "suite qemu/stock..series");
  EXPECT_EQ(seen[2], "PASS  Theme.Requirement01/e1000e 1.5s  boot 1.2 kexec 1.1");
  EXPECT_THAT(seen[3], StartsWith("  Theme.Requirement02/e1000e  boot 0 s"));
  EXPECT_THAT(seen[4], StartsWith("  Theme.Requirement03/e1000e  kexec 0 s"));
  EXPECT_THAT(seen[5], ContainsRegex("^\\[1/8\\] .*, about [0-9.]+ s left$"));  // seven of 1.5 s, two at a time
}

TEST_F(InWindow, NothingOfTheLiveLinesIsLeftAtTheEnd) {
  begin(100);
  for (int i = 0; i < 8; ++i) start(i);
  for (int i = 0; i < 8; ++i) settle(i, i == 5 ? sample::hang() : kPass);
  const auto seen = end();
  EXPECT_THAT(seen, Not(Contains(StartsWith("["))));
  EXPECT_THAT(seen, Not(Contains(StartsWith("  Theme."))));
  EXPECT_THAT(seen, Contains("FAIL  Theme.Requirement05/e1000e 1.5s  boot 1.2 kexec 1.1"));
  EXPECT_EQ(seen.back(), "exit 1: a kernel broke its promise");
}

/// Each settled case is there, once and whole, however the window's rows break it.
void expect_whole(const std::vector<std::string>& rows, int cases) {
  const std::string all = join(rows, "");
  for (int i = 0; i < cases; ++i) {
    const std::string line = fmt::format("PASS  {} 1.5s", numbered(i).key());
    const size_t first = all.find(line);
    EXPECT_NE(first, std::string::npos) << line << " in\n" << join(rows, "\n");
    EXPECT_EQ(all.find(line, first + 1), std::string::npos) << line << " in\n" << join(rows, "\n");
  }
}

TEST_F(InWindow, AResizedWindowKeepsEachFinishedLineAndNoOldLiveOne) {
  begin(100);
  for (int i = 0; i < 8; ++i) {
    start(i);
    if (i % 2 == 0) window_->resize(i % 4 == 0 ? 30 : 120);
    if (i > 0) settle(i - 1);
  }
  settle(7);
  window_->resize(100);
  const auto seen = end();
  expect_whole(seen, 8);
  EXPECT_THAT(seen, Not(Contains(HasSubstr("boot 0 s"))));
  EXPECT_THAT(seen, Not(Contains(ContainsRegex("^\\[[0-9]/8\\]"))));
}

TEST_F(InWindow, ANarrowWindowNeverBreaksALiveLine) {
  begin(20);
  for (int i = 0; i < 4; ++i) start(i);
  const auto seen = rows();
  ASSERT_GE(seen.size(), 5U);
  const std::vector<std::string> live(seen.end() - 5, seen.end());
  EXPECT_THAT(live, ElementsAre("  Theme.Requiremen~", "  Theme.Requiremen~", "  Theme.Requiremen~",
                                "  Theme.Requiremen~", StartsWith("[0/8] ")));
}

TEST_F(InWindow, NoColorMeansNoneAndStillALiveLine) {
  ::setenv("NO_COLOR", "1", 1);
  begin(100);
  start(1);
  settle(1, sample::hang());
  EXPECT_THAT(window_->raw(), AllOf(HasSubstr("[0/8]"), Not(ContainsRegex("\x1b\\[[0-9;]*m"))));
  ::unsetenv("NO_COLOR");
  begin(100);
  settle(1, sample::hang());
  EXPECT_THAT(window_->raw(), ContainsRegex("\x1b\\[1;31mFAIL"));
}

TEST_F(InWindow, InCiThereAreLinesOnly) {
  ::setenv("CI", "true", 1);
  begin(100);
  start(1);
  settle(1);
  const auto seen = end();
  EXPECT_THAT(window_->raw(), AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("[0/8]"))));
  EXPECT_THAT(seen, Contains(StartsWith("PASS  Theme.Requirement01/e1000e")));
}

TEST_F(InWindow, QuietShowsWhatDidNotWorkAndVerboseThePhases) {
  begin(100, Verbosity::kQuiet);
  start(1);
  settle(1);
  settle(2, sample::hang());
  EXPECT_THAT(end(), AllOf(Not(Contains(StartsWith("PASS"))), Contains(StartsWith("FAIL  Theme.Requirement02"))));
  begin(100, Verbosity::kVerbose);
  start(1);
  EXPECT_THAT(rows(), Contains("  Theme.Requirement01/e1000e: boot ..."));
}

}  // namespace
}  // namespace holdfast::reports
