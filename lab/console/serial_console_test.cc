// Is every byte of a console recorded, found, and kept in bounded memory?
#include "lab/console/serial_console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <fstream>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

Deadline soon() { return Deadline::after(std::chrono::seconds(20)); }

class SerialConsoleTest : public testing::Test {
 protected:
  void start(size_t keep = size_t{16} << 20) {
    console_ = *SerialConsole::create({dir_.path() / "console.log", dir_.path() / "target.log", "slot-1", keep});
    plug();
  }
  void plug() {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    machine_ = Fd(ends[0]);
    ASSERT_TRUE(console_->attach(Fd(ends[1])));
  }
  void say(std::string_view text) { ASSERT_TRUE(write_all(machine_.get(), text)); }
  std::string recorded() { return *read_file(dir_.path() / "console.log"); }
  std::vector<std::string> target_lines() {
    const std::string text = *read_file(dir_.path() / "target.log");
    std::vector<std::string> lines;
    for (const auto line : split(text, '\n')) lines.emplace_back(line);
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
  }

  TempDir dir_ = *TempDir::create("console");
  std::unique_ptr<SerialConsole> console_;
  Fd machine_;
};

TEST_F(SerialConsoleTest, FindsTextThatCameInPieces) {
  start();
  say("one tw");
  ASSERT_TRUE(console_->expect("one", 0, soon()));
  say("o three\n");
  const auto two = console_->expect("two", 0, soon());
  ASSERT_TRUE(two);
  EXPECT_EQ(*two, 7U);
  EXPECT_EQ(*console_->expect("three", *two, soon()), 13U);
  EXPECT_EQ(console_->slice(4, *two), "two");
}

TEST_F(SerialConsoleTest, DoesNotFindWhatStandsBeforeTheMark) {
  start();
  say("ready\n");
  const auto mark = console_->expect("ready\n", 0, soon());
  ASSERT_TRUE(mark);
  EXPECT_EQ(console_->expect("ready", *mark, Deadline::after(Millis(50))).error().type(), "lab.timeout");
}

TEST_F(SerialConsoleTest, EndsWaitingWhenTheMachineEnds) {
  start();
  say("last words");
  machine_.reset();
  const auto found = console_->expect("never said", 0, soon());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().type(), "lab.console-ended");
  EXPECT_EQ(console_->slice(0), "last words");
  EXPECT_FALSE(console_->send("x", soon()));
}

TEST_F(SerialConsoleTest, EndsWaitingWhenStopped) {
  start();
  const auto stop = Stop::create();
  stop->request();
  const auto found = console_->expect("x", 0, Deadline::after(std::chrono::seconds(20), &*stop));
  EXPECT_EQ(found.error().type(), "harness.stopped");
}

TEST_F(SerialConsoleTest, KeepsEveryByteOnDiskAndStampedLinesInTheTargetsLog) {
  start();
  const std::string bytes("boot\r\n\0\x1b[2J\xff half", 18);
  say(bytes);
  machine_.reset();
  console_->detach();
  EXPECT_EQ(recorded(), bytes);
  const auto lines = target_lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z slot-1 boot"));
  EXPECT_THAT(lines[1], HasSubstr(" half"));
}

TEST_F(SerialConsoleTest, AppendsToTheTargetsLog) {
  ASSERT_TRUE(write_file(dir_.path() / "target.log", "from before\n"));
  start();
  say("now\n");
  machine_.reset();
  console_->detach();
  EXPECT_EQ(target_lines().front(), "from before");
  EXPECT_EQ(target_lines().size(), 2U);
}

TEST_F(SerialConsoleTest, GoesOnCountingWhenTheMachineIsPoweredOnAgain) {
  start();
  say("first ");
  machine_.reset();
  console_->detach();
  const auto mark = console_->mark();
  EXPECT_EQ(mark, 6U);
  plug();
  say("second");
  EXPECT_TRUE(console_->expect("second", mark, soon()));
  EXPECT_EQ(console_->slice(0), "first second");
}

TEST_F(SerialConsoleTest, SurvivesAFloodInBoundedMemory) {
  constexpr size_t kKeep = 100'000;
  start(kKeep);
  say("needle at the start\n");
  std::string flood;
  for (int i = 0; i < 200'000; ++i) flood += "line " + std::to_string(i) + " of a flood\n";
  std::thread talker([&] { say(flood); });
  const auto last = console_->expect("line 199999 of a flood\n", 0, soon());
  talker.join();
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, flood.size() + 20);
  EXPECT_EQ(console_->mark(), *last);
  // Old bytes come from disk, at their right place; a range may lie across both.
  EXPECT_EQ(*console_->expect("needle", 0, soon()), 6U);
  EXPECT_EQ(console_->slice(20, 28), "line 0 o");
  EXPECT_EQ(sha256(console_->slice(20)), sha256(flood));
  EXPECT_EQ(console_->slice(*last - 2 * kKeep - 10, *last - 10),
            flood.substr(flood.size() - 2 * kKeep - 10, 2 * kKeep));
  machine_.reset();
  console_->detach();
  EXPECT_EQ(target_lines().size(), 200'001U);
}

TEST_F(SerialConsoleTest, CutsALineWithoutEnd) {
  start();
  say(std::string(300'000, 'x'));
  machine_.reset();
  console_->detach();
  EXPECT_EQ(recorded().size(), 300'000U);
  EXPECT_EQ(target_lines().size(), 5U);
}

TEST_F(SerialConsoleTest, FindsTextAcrossTheStepsOfASearch) {
  start(1000);
  const std::string filler((size_t{1} << 20) - 3, '.');
  std::thread talker([&] { say(filler + "needle" + filler); });
  EXPECT_EQ(*console_->expect("needle", 0, soon()), filler.size() + 6);
  talker.join();
}

TEST_F(SerialConsoleTest, SendsToTheMachine) {
  start();
  ASSERT_TRUE(console_->send("hello", soon()));
  std::array<char, 6> text{};
  ASSERT_EQ(::read(machine_.get(), text.data(), 5), 5);
  EXPECT_STREQ(text.data(), "hello");
  const std::string much(8 << 20, 'x');
  EXPECT_EQ(console_->send(much, Deadline::after(Millis(50))).error().type(), "lab.timeout");
}

TEST_F(SerialConsoleTest, TellsOfADiskThatIsFull) {
  auto full = SerialConsole::create({"/dev/full", {}, {}});
  ASSERT_TRUE(full);
  console_ = std::move(*full);
  plug();
  say("x");
  ASSERT_TRUE(console_->expect("x", 0, soon()));
  ASSERT_TRUE(console_->trouble());
  EXPECT_EQ(console_->trouble()->errnum, ENOSPC);
  EXPECT_FALSE(SerialConsole::create({"/no/such/folder/log", {}, {}}));
}

TEST_F(SerialConsoleTest, HasNoTroubleWhenAllIsWritten) {
  start();
  say("x");
  ASSERT_TRUE(console_->expect("x", 0, soon()));
  EXPECT_FALSE(console_->trouble());
}

}  // namespace
}  // namespace holdfast::lab
