// Are the moments of a kexec told as they were seen, and no others?
#include "harness/blackout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "harness/steps/first_register.h"
#include "harness/wire/verbs_clock.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Clock = Deadline::Clock;
using Told = std::vector<std::pair<std::string, int64_t>>;

/// A console whose bytes came when the test says.
class TimedConsole : public Console {
 public:
  void print(std::string_view text, Clock::time_point at) {
    text_ += text;
    ends_[text_.size()] = at;
  }
  Mark mark() const override { return text_.size(); }
  std::string slice(Mark from, Mark to) const override { return text_.substr(from, to - from); }
  Result<Mark> expect(std::string_view, Mark, const Deadline&) override { return lab_error("timeout", "never"); }
  Result<void> send(std::string_view, const Deadline&) override { return {}; }
  std::optional<Clock::time_point> came_at(Mark position) const override {
    const auto found = ends_.upper_bound(position);
    return found == ends_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::string text_;
  std::map<Mark, Clock::time_point> ends_;
};

/// An agent that knows its clock, or refuses to say.
class ClockAgent : public Agent {
 public:
  ClockAgent(bool is_init, bool answers) : answers_(answers) { hello_.is_init = is_init; }
  const wire::Hello& hello() const override { return hello_; }
  Result<void> leave(const Deadline&) override { return {}; }

 protected:
  Result<std::pair<wire::Envelope, wire::Bytes>> exchange(uint64_t id, wire::Message, const Deadline&) override {
    if (!answers_) return lab_error("link", "the connection is gone");
    auto reply = wire::make_reply(id, wire::ClockReply{.now_ms = 900, .began_ms = 700});
    return std::pair(TRY(wire::open_envelope(reply)), wire::Bytes());
  }

 private:
  wire::Hello hello_;
  bool answers_;
};

class BlackoutTest : public testing::Test, private EventSink {
 protected:
  static constexpr milliseconds kOldClock{5000};

  void leave(int kexec = 1) {
    blackout_.asked();
    left_ = Clock::now() - milliseconds(3000);
    blackout_.left(Agent::Departure{.at = left_, .uptime = kOldClock}, kexec);
  }
  void arrive(bool is_init = true, bool answers = true) {
    blackout_.answered();
    ClockAgent agent(is_init, answers);
    blackout_.arrived(agent, Deadline::after(milliseconds(1000)));
  }
  Clock::time_point after(int ms) const { return left_ + milliseconds(ms); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, at] : told_) names.push_back(name);
    return names;
  }

  TimedConsole console_;
  Told told_;
  Blackout blackout_{console_, *this, Where{}};
  Clock::time_point left_;

 private:
  void on(const Event& event) override {
    const auto& milestone = std::get<Milestone>(event);
    told_.emplace_back(milestone.key(), milestone.at.count());
  }
};

TEST_F(BlackoutTest, TellsAllThatWasSeenInItsOrder) {
  console_.print("[    4.9] before it was asked\n", Clock::now());
  leave();
  console_.print("[    5.100000] kexec_core: Starting new kernel\r\n", after(120));
  console_.print("\r\n[    0.000000] Linux version 7.3.0\n", after(400));
  console_.print("[    0.500000] more\n", after(700));
  arrive();
  blackout_.retrieved("e1000e", 7);
  blackout_.read_register(7, 0);
  ASSERT_THAT(names(), ElementsAre("exec", "a-last-byte", "b-first-byte", "init", "agent", "retrieved/e1000e",
                                   "first-mmio/e1000e"));
  EXPECT_THAT(told_[0], Pair("exec", 0));
  EXPECT_THAT(told_[1], Pair("a-last-byte", 120));
  EXPECT_THAT(told_[2], Pair("b-first-byte", 400));
  EXPECT_NEAR(static_cast<double>(told_[3].second), static_cast<double>(told_[4].second - 200), 50);
  for (size_t i = 1; i < told_.size(); ++i) EXPECT_LE(told_[i - 1].second, told_[i].second) << told_[i].first;
}

TEST_F(BlackoutTest, LeavesOutWhatASilentConsoleDidNotShow) {
  leave();
  arrive();
  EXPECT_THAT(names(), ElementsAre("exec", "init", "agent"));
}

TEST_F(BlackoutTest, ClaimsNoByteThatCouldBeOfEither) {
  leave();
  console_.print("[    5.3] something\n", after(100));
  arrive();
  EXPECT_THAT(names(), ElementsAre("exec", "init", "agent"));
}

TEST_F(BlackoutTest, AnAgentThatIsNotProcessOneSaysNothingOfInit) {
  leave();
  arrive(/*is_init=*/false);
  EXPECT_THAT(names(), ElementsAre("exec", "agent"));
}

TEST_F(BlackoutTest, AnAgentWithoutAClockFailsNothing) {
  leave();
  arrive(/*is_init=*/true, /*answers=*/false);
  EXPECT_THAT(names(), ElementsAre("exec", "agent"));
}

TEST_F(BlackoutTest, IsSilentWhenNobodyLeft) {
  blackout_.left(std::nullopt, 1);
  arrive();
  blackout_.retrieved("edu", 3);
  blackout_.read_register(3, 0);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(BlackoutTest, CountsTheFirstRegisterOfARetrievedDeviceOnly) {
  leave();
  arrive(/*is_init=*/false);
  told_.clear();
  blackout_.read_register(9, 0);  // a file that was opened, not retrieved
  blackout_.retrieved("edu", 3);
  blackout_.read_register(3, 7);  // config space
  EXPECT_THAT(names(), ElementsAre("retrieved/edu"));
  blackout_.read_register(3, 0);
  blackout_.read_register(3, 0);
  EXPECT_THAT(names(), ElementsAre("retrieved/edu", "first-mmio/edu"));
}

TEST_F(BlackoutTest, NamesTheSecondKexec) {
  leave(2);
  arrive(/*is_init=*/false);
  blackout_.retrieved("edu", 3);
  EXPECT_THAT(names(), ElementsAre("exec#2", "agent#2", "retrieved#2/edu"));
  EXPECT_EQ(milestone_of("retrieved#2/edu"), "retrieved");
  EXPECT_EQ(milestone_of("agent"), "agent");
}

TEST_F(BlackoutTest, KnowsTheNextKernelOfAYoungOne) {
  blackout_.asked();
  left_ = Clock::now() - milliseconds(3000);
  blackout_.left(Agent::Departure{.at = left_, .uptime = milliseconds(800)}, 1);
  console_.print("[    0.900000] kexec_core: Starting new kernel\n", after(100));
  console_.print("[    0.600000] the first word of a quiet kernel\n", after(900));
  arrive(/*is_init=*/false);
  EXPECT_THAT(told_, ElementsAre(Pair("exec", 0), Pair("a-last-byte", 100), Pair("b-first-byte", 900),
                                 Pair("agent", testing::Gt(900))));
}

TEST(FindNextKernel, KnowsItByBannerDecompressorOrClock) {
  const milliseconds uptime{5000};
  const auto begin = [&](std::string_view old, std::string_view next) {
    return find_next_kernel(std::string(old) + std::string(next), uptime) == old.size();
  };
  EXPECT_TRUE(begin("[    5.1] bye\n", "Linux version 7.3.0\n"));
  EXPECT_TRUE(begin("[    5.1] bye\n", "early console in extract_kernel\n[    0.0] Linux version\n"));
  EXPECT_TRUE(begin("", "Decompressing Linux... Parsing ELF... done.\n"));
  EXPECT_TRUE(begin("[    5.1] bye\n", "[    0.300000] a warning of a quiet kernel\n"));
  EXPECT_EQ(find_next_kernel("[    5.1] bye\n[    4.9] a clock that is read elsewhere\n", uptime), std::string::npos);
  EXPECT_EQ(find_next_kernel("no stamp, no banner\n", uptime), std::string::npos);
  EXPECT_EQ(find_next_kernel("", uptime), std::string::npos);
}

TEST(RegisterBar, IsTheFirstMemoryBarThatVfioDoesNotAnswerItself) {
  constexpr uint32_t kRead = 1;
  std::vector<uint8_t> config(256, 0);
  config[0x10] = 0x01;  // BAR 0: ports
  wire::VfioInfoReply info;
  for (uint32_t bar = 0; bar < 3; ++bar) info.regions.push_back({.index = bar, .flags = kRead, .size = 4096});
  EXPECT_EQ(register_bar(config, info), 1U);

  config[0x06] = 0x10;  // a list of capabilities, with MSI-X, whose table begins BAR 1
  config[0x34] = 0x40;
  config[0x40] = 0x11;
  config[0x44] = 0x01;
  EXPECT_EQ(register_bar(config, info), 2U);
  config[0x45] = 0x20;  // the table stands behind the registers
  EXPECT_EQ(register_bar(config, info), 1U);
  info.regions[1].flags = 0;
  EXPECT_EQ(register_bar(config, info), 2U);
  info.regions[2].size = 0;
  EXPECT_EQ(register_bar(config, info), std::nullopt);
  EXPECT_EQ(register_bar({}, info), std::nullopt);
}

}  // namespace
}  // namespace holdfast
