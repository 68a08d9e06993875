// Are errors, tables and progress shown in the house form?
#include "reports/printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::reports {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

/// What a screen that is no terminal shows of `lines`.
std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  Screen screen({}, [&](std::string_view piece) { text += piece; }, [] { return 0; });
  for (const Line& line : lines) screen.line(line);
  return text;
}

TEST(ErrorLines, SayWhatWhyAndWhatToDo) {
  const Error error = system_error("open /x", 13).because("run it as root\nor change its mode").with("log", "a\nb\n");
  EXPECT_EQ(text_of(error_lines(error)),
            "error: open /x: Permission denied (EACCES) [lab.io]\n"
            "  try: run it as root\n"
            "  try: or change its mode\n"
            "  log:\n"
            "  | a\n"
            "  | b\n");
}

TEST(ErrorLines, LeaveTheTypeOfAUsageErrorOut) {
  EXPECT_EQ(text_of(error_lines(usage_error("no flag --foo"))), "error: no flag --foo\n");
}

TEST(ErrorLines, ShowTheEndOfLongEvidence) {
  std::string log;
  for (int i = 0; i < 100; ++i) log += "line " + std::to_string(i) + "\n";
  const std::string text = text_of(error_lines(lab_error("io", "x").with("log", log)));
  EXPECT_THAT(text, HasSubstr("| line 99\n"));
  EXPECT_EQ(text.find("line 50\n"), std::string::npos);
}

TEST(TableLines, AlignColumns) {
  EXPECT_EQ(text_of(table_lines({{"NAME", "STATE"}, {"qemu-long", "free"}, {"é", "used"}}, 0)),
            "NAME       STATE\n"
            "qemu-long  free\n"
            "é          used\n");
}

TEST(TableLines, WrapTheLastColumnBeneathItself) {
  EXPECT_EQ(text_of(table_lines({{"A", "B"}, {"x", "one two three four five six"}}, 24)),
            "A  B\n"
            "x  one two three four\n"
            "   five six\n");
}

TEST(TableLines, TakeAnyShape) {
  EXPECT_TRUE(table_lines({}, 80).empty());
  EXPECT_EQ(text_of(table_lines({{}, {"a"}, {"a", "b", "c"}, {"a\nb\x1b"}}, 10)), "\na\na        b  c\na b\\x1b\n");
}

struct Shown {
  explicit Shown(bool live)
      : screen({.live = live, .colour = false}, [this](std::string_view piece) { text += piece; }, [] { return 60; }) {}
  std::string text;
  Screen screen;
};

TEST(Progress, IsALiveLineOnATerminal) {
  Shown shown(true);
  {
    Progress progress(shown.screen, "kernel build");
    progress.update("10 of 20 objects");
    EXPECT_EQ(shown.text, "\r\x1b[2Kkernel build: 10 of 20 objects (0.0 s)");
    progress.update("11 of 20 objects");
    EXPECT_EQ(shown.text.find("11 of"), std::string::npos);  // too soon to be drawn again
  }
  EXPECT_TRUE(shown.text.ends_with("\r\x1b[2K"));
}

TEST(Progress, IsAPlainLineNowAndThenElsewhere) {
  Shown shown(false);
  Progress progress(shown.screen, "kernel build", std::chrono::hours(1));
  for (int i = 0; i < 1000; ++i) progress.update(std::to_string(i));
  progress.done("built");
  EXPECT_THAT(shown.text, ContainsRegex("^kernel build: 0 \\(0\\.0 s\\)\nkernel build: built \\(0\\.[0-9] s\\)\n$"));
}

TEST(Progress, ComesAgainWhenItsTimeIsOver) {
  Shown shown(false);
  Progress progress(shown.screen, "kernel build", std::chrono::hours(0));
  progress.update("a");
  progress.update("b");
  EXPECT_THAT(shown.text, HasSubstr("kernel build: b"));
}

}  // namespace
}  // namespace holdfast::reports
