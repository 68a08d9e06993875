// Is what a run tells as KTAP read by the kernel's tools?
#include "reports/ktap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/sample_events.h"

namespace holdfast::reports {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::vector<Event>& events) {
  std::vector<std::string> lines;
  KtapReport report([&](const std::string& line) { lines.push_back(line); });
  for (const Event& event : events) report.on(event);
  return lines;
}

TEST(Ktap, TellsARunLineByLine) {
  CaseSettled hang = sample::settled({"Preserve", "Hangs", "nvme"}, {sample::hang()});
  hang.attempts[0].dir.clear();
  EXPECT_THAT(lines_of({sample::run_started("/x"), sample::settled(sample::kKeeps, {Verdict::passed()}), hang,
                        sample::planned_skip(sample::kMemfd), sample::run_ended(1, {1, 1, 0, 1})}),
              ElementsAre("KTAP version 1", "1..5", "# holdfast run k3f9",
                          "ok 1 Preserve.DeviceKeepsItsAddress/e1000e qemu/stock..series",
                          "# kernel.hang: kernel B was silent for 30 s after the kexec",
                          "# try: look for the last message of the old kernel",
                          "# replay: holdfast run --filter Preserve.Hangs/nvme",
                          "not ok 2 Preserve.Hangs/nvme qemu/stock..series",
                          "ok 3 Luo.MemfdSurvives qemu/stock..series # SKIP CONFIG_VFIO_PCI_LIVEUPDATE is off",
                          "# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0"));
}

TEST(Ktap, TellsErrorsAndFlakyCasesApartFromFailures) {
  const auto lines = lines_of({sample::settled(sample::kMemfd, {sample::vm_killed()}),
                               sample::settled(sample::kKeeps, {sample::hang(), Verdict::passed()})});
  EXPECT_THAT(lines, Contains("not ok 1 Luo.MemfdSurvives qemu/stock..series # ERROR lab.vm-killed"));
  EXPECT_THAT(lines, Contains(StartsWith("# flaky: kernel.hang: failed in 1 of 2 attempts")));
  EXPECT_THAT(lines, Contains("not ok 2 Preserve.DeviceKeepsItsAddress/e1000e qemu/stock..series"));
}

TEST(Ktap, LetsNoContentLookLikeAResult) {
  Verdict evil = sample::hang();
  evil.message = "x\nok 7 forged\x1b[2J";
  CaseSettled settled = sample::settled({"S", "N # SKIP\nok 9 forged", ""}, {evil});
  settled.replay = "a\nnot ok 3 forged";
  const auto lines = lines_of({settled, Note{Note::Level::kWarning, "w\nok 5 forged"}});
  EXPECT_THAT(lines, Contains("not ok 1 S.N _ SKIP ok 9 forged qemu/stock..series"));
  EXPECT_THAT(lines, Contains("# ok 7 forged\\x1b[2J"));
  for (const std::string& line : lines) {
    EXPECT_TRUE(line.starts_with("# ") || line.starts_with("not ok 1 ")) << line;
    EXPECT_THAT(line, Not(testing::HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace holdfast::reports
