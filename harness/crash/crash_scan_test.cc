// Does it matter how a log comes in, or how much of it?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "harness/base/file.h"
#include "harness/crash/crash.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

std::string console(const std::string& name) {
  const auto text = read_file(source_dir() / "fixtures" / "consoles" / name);
  EXPECT_TRUE(text) << name;
  return text ? *text : "";
}

TEST(CrashScan, MakesNoDifferenceOfWhereAPieceEnds) {
  const std::string log = console("recorded-oops-then-panic.log") + console("recorded-two-warnings.log");
  const auto whole = find_crashes(log);
  for (const size_t size : {1U, 7U, 100U, 4096U}) {
    CrashScan scan;
    for (size_t at = 0; at < log.size(); at += size) scan.feed(std::string_view(log).substr(at, size));
    const auto pieces = scan.finish();
    ASSERT_EQ(pieces.size(), whole.size()) << size;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(pieces[i].fingerprint, whole[i].fingerprint);
      EXPECT_EQ(pieces[i].offset, whole[i].offset);
      EXPECT_EQ(pieces[i].excerpt, whole[i].excerpt);
    }
  }
}

/// A megabyte of a console that is flooded by warnings that all differ, harmless lines, and bytes that never end a
/// line.
std::string flood_piece() {
  std::string piece;
  for (int i = 0; piece.size() < size_t{1} << 20; ++i) {
    piece += fmt::format("[{:5}.{:06}] vfio-pci 0000:03:00.0: harmless line number {} of a flood of them\n", i, i, i);
    if (i % 8 == 0) piece += fmt::format("[{:5}.000002] WARNING: a.c:1 at f_{}+0x1/0x2, CPU#0: agent/1\n", i, i);
    if (i % 100 == 0) piece += std::string(3000, i % 200 == 0 ? '\0' : '[') + "\n";
  }
  return piece;
}

TEST(CrashScan, ReadsAHundredMegabytesInBoundedMemoryAndLinearTime) {
  const std::string piece = flood_piece();
  const auto seconds_for = [&](int pieces) {
    const auto began = std::chrono::steady_clock::now();
    CrashScan scan;
    scan.feed("[    1.000000] Kernel panic - not syncing: first\n");
    for (int i = 0; i < pieces; ++i) scan.feed(piece);
    scan.feed("\n[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\n");
    const auto found = scan.finish();
    size_t bytes = 0;
    for (const CrashFinding& f : found) bytes += f.excerpt.size() + f.title.size() + f.fingerprint.size();
    EXPECT_EQ(found.front().kind, "panic");
    EXPECT_EQ(found.back().kind, "oops");
    EXPECT_LE(found.size(), 203U);
    EXPECT_LT(bytes, size_t{8} << 20);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const double fifth = seconds_for(20);
  const double whole = seconds_for(100);
  // Five times the bytes; a machine that others share is not even.
  EXPECT_LT(whole, 15 * fifth + 0.5);
}

}  // namespace
}  // namespace holdfast
