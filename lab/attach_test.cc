// Does a terminal that is put on a console carry both ways, and is it itself again afterwards?
#include "lab/attach.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "harness/base/file.h"
#include "lab/terminal_filter.h"

namespace holdfast::lab {
namespace {

TEST(EscapeFilter, EndsAtTildeDotAtTheBeginningOfALine) {
  EscapeFilter at_once;
  EXPECT_EQ(at_once.pass("~.rest"), "");
  EXPECT_TRUE(at_once.ended());
  EscapeFilter later;
  EXPECT_EQ(later.pass("ls ~."), "ls ~.");
  EXPECT_FALSE(later.ended());
  EXPECT_EQ(later.pass("\r~"), "\r") << "what comes next decides";
  EXPECT_EQ(later.pass("."), "");
  EXPECT_TRUE(later.ended());
}

TEST(EscapeFilter, LetsOtherTildesThrough) {
  EscapeFilter filter;
  EXPECT_EQ(filter.pass("~~.\r~/bin\n~\r~~"), "~.\r~/bin\n~\r~");
  EXPECT_FALSE(filter.ended());
}

class Attach : public testing::Test {
 protected:
  Attach() {
    int ours = -1;
    int theirs = -1;
    EXPECT_EQ(::openpty(&ours, &theirs, nullptr, nullptr, nullptr), 0);
    keyboard_ = Fd(ours);
    terminal_ = Fd(theirs);
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    console_ = Fd(ends[0]);
    machine_ = Fd(ends[1]);
  }
  bool is_raw() const {
    termios now{};
    EXPECT_EQ(::tcgetattr(terminal_.get(), &now), 0);
    return (now.c_lflag & static_cast<tcflag_t>(ICANON | ECHO | ISIG)) == 0;
  }
  void await_raw() const {
    const Deadline deadline = Deadline::after(Millis(20'000));
    while (!is_raw() && !deadline.expired()) wait_until(Deadline::after(Millis(2)));
    EXPECT_TRUE(is_raw());
  }
  static std::string read_from(const Fd& fd, size_t count) {
    std::string text;
    char one = 0;
    while (text.size() < count && wait_readable(fd.get(), Deadline::after(Millis(20'000))) == Wake::kReady &&
           ::read(fd.get(), &one, 1) == 1) {
      text += one;
    }
    return text;
  }
  Result<Detached> attach() { return attach_terminal(terminal_.get(), terminal_.get(), std::move(console_), stop_); }

  Stop stop_ = *Stop::create();
  Fd keyboard_;
  Fd terminal_;
  Fd console_;
  Fd machine_;
};

TEST_F(Attach, CarriesBothWaysAndEndsWhenTyped) {
  ASSERT_FALSE(is_raw());
  std::jthread person([this] {
    await_raw();
    EXPECT_TRUE(write_all(machine_.get(), "login: "));
    EXPECT_EQ(read_from(keyboard_, 7), "login: ");
    EXPECT_TRUE(write_all(keyboard_.get(), "ab\x03\r"));
    EXPECT_EQ(read_from(machine_, 4), "ab\x03\r") << "Ctrl-C is the machine's";
    EXPECT_TRUE(write_all(keyboard_.get(), "~."));
  });
  const auto end = attach();
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, Detached::kTyped);
  EXPECT_FALSE(is_raw());
}

TEST_F(Attach, ShowsNoEscapeThatATerminalActsOn) {
  std::string shown;
  std::jthread person([this, &shown] {
    await_raw();
    EXPECT_TRUE(write_all(machine_.get(), "\x1b]52;c;cm0gLXJm\a\x1b[31mred\x1b[6n\x05!\x1b[c"));
    shown = read_from(keyboard_, 9);
    EXPECT_TRUE(write_all(keyboard_.get(), "~."));
  });
  EXPECT_EQ(*attach(), Detached::kTyped);
  person.join();
  EXPECT_EQ(shown, "\x1b[31mred!");
  const std::string afterwards = read_from(keyboard_, TerminalFilter().restore().size());
  EXPECT_EQ(afterwards, TerminalFilter().restore()) << "what was shown leaves no trace";
}

TEST_F(Attach, GivesAPipeEveryByte) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  const Fd output(ends[1]);
  ASSERT_TRUE(write_all(machine_.get(), "\x1b[6n!"));
  ::shutdown(machine_.get(), SHUT_WR);
  EXPECT_EQ(*attach_terminal(terminal_.get(), output.get(), std::move(console_), stop_), Detached::kClosed);
  EXPECT_EQ(read_from(reader, 5), "\x1b[6n!");
}

TEST_F(Attach, EndsWithTheConsole) {
  std::jthread machine([this] {
    await_raw();
    machine_.reset();
  });
  EXPECT_EQ(*attach(), Detached::kClosed);
  EXPECT_FALSE(is_raw());
}

TEST_F(Attach, EndsWhenAskedToStop) {
  stop_.request();
  EXPECT_EQ(*attach(), Detached::kStopped);
  EXPECT_FALSE(is_raw());
}

TEST_F(Attach, LeavesWhatIsNoTerminalAsItIs) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd input(ends[0]);
  Fd writer(ends[1]);
  ASSERT_TRUE(write_all(writer.get(), "reboot\n"));
  writer.reset();
  EXPECT_EQ(*attach_terminal(input.get(), terminal_.get(), std::move(console_), stop_), Detached::kInput);
  EXPECT_EQ(read_from(machine_, 7), "reboot\n");
}

TEST_F(Attach, ASignalThatEndsTheProgramLeavesTheTerminalAsItWas) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGTERM, SIG_DFL);
    const auto end = attach();
    ::_exit(end ? 0 : 1);
  }
  await_raw();
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM) << "the signal still ends it";
  EXPECT_FALSE(is_raw());
}

TEST_F(Attach, ControlASignalThatNobodyCatchesLeavesItRaw) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto end = attach();
    ::_exit(end ? 0 : 1);
  }
  await_raw();
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(is_raw()) << "so the test above would see it";
}

}  // namespace
}  // namespace holdfast::lab
