// Is an agent whose link is silent heard on the console, and silence told from it?
#include "harness/roll_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "harness/agent/roll_call.h"
#include "harness/base/file.h"
#include "harness/wire/roll_call.h"

namespace holdfast {
namespace {

using agent::answer_to;
using agent::Occupation;
using testing::StartsWith;

TEST(RollCall, IsAnsweredWithWhatTheAgentDoes) {
  Occupation occupation;
  EXPECT_EQ(answer_to("holdfast-roll-call 0123abcd\r", occupation), "holdfast-agent: here 0123abcd, idle.");
  const Occupation::Busy busy(occupation, "vfio_bind");
  EXPECT_EQ(answer_to("login: holdfast-roll-call 0123abcd", occupation),
            "holdfast-agent: here 0123abcd, busy with vfio_bind for 0 s.");
}

TEST(RollCall, TellsAnAgentWithoutALinkFromOneThatWaitsAndOneThatIsInTheKernel) {
  Occupation occupation;
  occupation.set_up(false);
  EXPECT_EQ(answer_to("holdfast-roll-call 0123abcd", occupation), "holdfast-agent: here 0123abcd, coming up.");
  {
    const Occupation::Busy busy(occupation, "module a");
    EXPECT_EQ(occupation.describe(), "busy with module a for 0 s");
  }
  EXPECT_EQ(occupation.describe(), wire::kComingUp);
  occupation.set_up(true);
  EXPECT_EQ(occupation.describe(), wire::kIdle);
}

TEST(RollCall, IsNothingElse) {
  const Occupation occupation;
  for (const char* line : {"", "holdfast-roll-call ", "holdfast-roll-call xyz", "holdfast-agent: here 0123abcd, idle.",
                           "holdfast-roll-call 0123456789abcdef0123456789abcdef0"}) {
    EXPECT_FALSE(answer_to(line, occupation)) << line;
  }
}

TEST(RollCall, AgentIsIdleAgainWhenItHasServed) {
  Occupation occupation;
  {
    const Occupation::Busy busy(occupation, "ping");
  }
  EXPECT_EQ(occupation.describe(), wire::kIdle);
}

/// One end of a line, whose other end an agent may listen at.
class Line : public Console {
 public:
  Line() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = Fd(ends[0]);
    theirs_ = Fd(ends[1]);
  }
  int other_end() const { return theirs_.get(); }

  Mark mark() const override { return heard_.size(); }
  std::string slice(Mark from, Mark to) const override { return heard_.substr(from, to - from); }
  Result<Mark> expect(std::string_view text, Mark from, const Deadline& deadline) override {
    while (heard_.find(text, from) == std::string::npos) {
      const Wake wake = wait_readable(ours_.get(), deadline);
      if (wake != Wake::kReady) return wait_error(wake, text);
      std::array<char, 256> piece;
      const ssize_t got = ::read(ours_.get(), piece.data(), piece.size());
      if (got > 0) heard_.append(piece.data(), static_cast<size_t>(got));
    }
    return heard_.find(text, from) + text.size();
  }
  Result<void> send(std::string_view text, const Deadline& /*deadline*/) override {
    heard_ += text;  // the terminal's echo
    return write_all(ours_.get(), text);
  }

 private:
  Fd ours_;
  Fd theirs_;
  std::string heard_;
};

TEST(RollCall, FindsAnAgentThatListens) {
  Line line;
  Occupation occupation;
  const Stop stop = *Stop::create();
  const std::jthread agent([&] { agent::answer_roll_calls(line.other_end(), occupation, stop); });
  const auto idle = call_over_console(line, Deadline::after(std::chrono::seconds(30)));
  ASSERT_TRUE(idle);
  EXPECT_TRUE(idle->idle);
  {
    const Occupation::Busy busy(occupation, "luo_preserve");
    const auto stuck = call_over_console(line, Deadline::after(std::chrono::seconds(30)));
    ASSERT_TRUE(stuck);
    EXPECT_FALSE(stuck->idle);
    EXPECT_FALSE(stuck->coming_up);
    // This thread, which is the first one, waits for the answer.
    EXPECT_THAT(stuck->doing, StartsWith("busy with luo_preserve for 0 s (state S"));
  }
  occupation.set_up(false);
  const auto begun = call_over_console(line, Deadline::after(std::chrono::seconds(30)));
  ASSERT_TRUE(begun);
  EXPECT_FALSE(begun->idle);
  EXPECT_TRUE(begun->coming_up);
  stop.request();
}

TEST(RollCall, FindsNobodyWhereOnlyTheTerminalEchoes) {
  Line line;
  EXPECT_FALSE(call_over_console(line, Deadline::after(Millis(150))));
}

}  // namespace
}  // namespace holdfast
