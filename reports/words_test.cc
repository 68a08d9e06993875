// Are figures and words shown as reports want them?
#include "reports/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::reports {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Seconds, HaveThreeDigitsWhateverTheSpan) {
  EXPECT_EQ(seconds(milliseconds(0)), "0.000");
  EXPECT_EQ(seconds(milliseconds(7)), "0.007");
  EXPECT_EQ(seconds(milliseconds(61234)), "61.234");
  EXPECT_EQ(seconds(milliseconds(-5)), "0.000");
  EXPECT_EQ(seconds(milliseconds(123456789012)), "123456789.012");
}

TEST(ShortSeconds, AreRounded) {
  EXPECT_EQ(short_seconds(milliseconds(49)), "0.0");
  EXPECT_EQ(short_seconds(milliseconds(50)), "0.1");
  EXPECT_EQ(short_seconds(milliseconds(960)), "1.0");
  EXPECT_EQ(short_seconds(milliseconds(-1)), "0.0");
}

TEST(Duration, TakesTheUnitThatFits) {
  EXPECT_EQ(duration(milliseconds(3200)), "3.2 s");
  EXPECT_EQ(duration(milliseconds(72'000)), "1 min 12 s");
  EXPECT_EQ(duration(milliseconds(7'500'000)), "2 h 5 min");
}

TEST(WallClock, IsShownInUtc) {
  const auto when = WallClock::time_point(std::chrono::seconds(951'782'399));  // a leap day's last second but one
  EXPECT_EQ(iso_utc(when), "2000-02-28T23:59:59Z");
  EXPECT_EQ(iso_utc(when + std::chrono::seconds(1)), "2000-02-29T00:00:00Z");
  EXPECT_EQ(folder_stamp(when), "20000228T235959Z");
}

TEST(ExitMeaning, IsKnownForEachCodeThatExitCodeGives) {
  const std::string_view unknown = exit_meaning(77);
  for (const int code : {0, 1, 2, 3, 4, 130}) EXPECT_NE(exit_meaning(code), unknown) << code;
}

TEST(CappedTail, LeavesShortTextAlone) {
  EXPECT_EQ(capped_tail("abc", 3, "dir"), "abc");
  EXPECT_EQ(capped_tail("", 0, "dir"), "");
}

TEST(CappedTail, KeepsWholeLastLinesAndSaysHowMuchIsMissing) {
  EXPECT_EQ(capped_tail("aaaa\nbbbb\ncccc\n", 12, "dir"),
            "[5 of 15 bytes left out here; all of it: dir]\nbbbb\ncccc\n");
}

TEST(CappedTail, CutsOneLongLineBetweenCharacters) {
  const std::string text = capped_tail("xxxxééé", 3, "");
  EXPECT_THAT(text, StartsWith("[8 of 10 bytes left out here]\n"));
  EXPECT_THAT(text, EndsWith("\né"));
}

TEST(Sentence, CountsEveryOutcome) {
  EXPECT_EQ(sentence({.passed = 5, .failed = 1, .errors = 1, .skipped = 2}), "5 passed, 1 failed, 1 error, 2 skipped");
}

TEST(Words, ReadsBackTheTimeThatItWrote) {
  const WallClock::time_point when(std::chrono::seconds(1'000'000'000));
  EXPECT_EQ(from_iso_utc(iso_utc(when)), when);
  for (const char* wrong : {"", "2001-09-09", "2001-13-09T01:46:40Z", "2001-09-09T01:46:40Z "}) {
    EXPECT_FALSE(from_iso_utc(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::reports
