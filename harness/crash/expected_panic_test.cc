// Is the panic that was asked for forgiven, and nothing else?
#include "harness/crash/expected_panic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kBoot = "SeaBIOS (version 1.16.2)\n[    0.000000] Linux version 7.3.0\n";
constexpr std::string_view kPanic = "[    0.500000] Kernel panic - not syncing: VFS: Unable to mount root fs\n";
constexpr std::string_view kWarning = "[    0.400000] WARNING: drivers/pci/x.c:12 at pci_x+0x1/0x2, CPU#0: init/1\n";

/// A console in pieces: powered on, going on, and where a panic is expected.
struct Pieces {
  std::string console;
  std::vector<LogMark> marks;
  std::vector<ExpectedPanic> expected;
  void power_on() {
    marks.push_back({.offset = console.size(), .phase = "boot", .start = LogMark::Start::kPowerOn});
    console += kBoot;
  }
  void add(std::string_view piece) { console += piece; }
  void expect(std::string_view piece) {
    expected.push_back({"Unable to mount root fs", console.size(), console.size() + piece.size()});
    console += piece;
  }
  /// What is left when the expected panics are forgiven.
  std::vector<std::string> kinds() const {
    auto findings = find_crashes(console, marks);
    forgive(findings, expected);
    std::vector<std::string> kinds;
    for (const CrashFinding& finding : findings) kinds.push_back(finding.kind);
    return kinds;
  }
};

TEST(ExpectedPanic, IsForgivenAndTheBootBehindItIsNoCrash) {
  Pieces pieces;
  pieces.power_on();
  pieces.expect(kPanic);
  pieces.power_on();
  EXPECT_THAT(pieces.kinds(), IsEmpty());
  pieces.expected.clear();
  EXPECT_THAT(pieces.kinds(), ElementsAre("panic"));
}

TEST(ExpectedPanic, KeepsWhatElseHappenedMeanwhile) {
  Pieces pieces;
  pieces.power_on();
  pieces.expect(std::string(kWarning) + std::string(kPanic));
  EXPECT_THAT(pieces.kinds(), ElementsAre("warn"));
}

TEST(ExpectedPanic, KeepsAPanicOfAnotherReason) {
  Pieces pieces;
  pieces.power_on();
  pieces.expect("[    0.500000] Kernel panic - not syncing: Fatal exception\n");
  EXPECT_THAT(pieces.kinds(), ElementsAre("panic"));
}

TEST(ExpectedPanic, KeepsAPanicBeforeAndAPanicAfter) {
  Pieces pieces;
  pieces.power_on();
  pieces.add(kPanic);
  pieces.power_on();
  pieces.expect(kPanic);
  pieces.power_on();
  pieces.add(kPanic);
  EXPECT_THAT(pieces.kinds(), ElementsAre("panic", "panic"));
}

TEST(ExpectedPanic, BearsAStretchBeyondTheEnd) {
  Pieces pieces;
  pieces.power_on();
  pieces.add(kWarning);
  pieces.expected.push_back({"", 1000, 2000});
  EXPECT_THAT(pieces.kinds(), ElementsAre("warn"));
}

}  // namespace
}  // namespace holdfast
