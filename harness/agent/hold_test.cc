// Does an agent that holds go on when it is told to, and only then?
#include "harness/agent/hold.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "harness/agent/refusal.h"
#include "harness/link.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {
namespace {

Deadline soon() { return Deadline::after(Millis(10'000)); }

TEST(Hold, IsAskedForByAWordOfItsOwn) {
  EXPECT_TRUE(is_to_hold("quiet holdfast.hold"));
  EXPECT_TRUE(is_to_hold("holdfast.hold kho=on\n"));
  EXPECT_FALSE(is_to_hold("holdfast.nonce=1 kho=on"));
  EXPECT_FALSE(is_to_hold("holdfast.holder noholdfast.hold holdfast.hold=0"));
}

TEST(Hold, RefusesASeedThatAnybodyCouldGuess) {
  const auto began = begin_anew({.wall_ms = 1, .blob = wire::Bytes(31)});
  ASSERT_FALSE(began);
  EXPECT_THAT(began.error().what, testing::HasSubstr("32"));
}

class HoldTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    auto link = Link::over(Fd(ends[0]));
    ASSERT_TRUE(link);
    link_.emplace(*std::move(link));
    agent_ = std::thread([this, end = ends[1]] {
      Channel channel(Fd(end), Channel::Kind::kSocket);
      hold(channel, [this](const wire::Begin& begin) -> Result<void> {
        seeds_.push_back(begin.blob.size());
        if (seeds_.size() == 1) return bad_request("not yet");
        return {};
      });
    });
  }
  void TearDown() override {
    link_.reset();
    if (agent_.joinable()) agent_.join();
  }
  wire::Envelope next() {
    auto message = link_->receive(soon());
    if (!message || !*message) return {};
    auto envelope = wire::open_envelope(**message);
    return envelope ? *std::move(envelope) : wire::Envelope();
  }
  void ask(const wire::Message& message) { ASSERT_TRUE(link_->send(message, soon())); }

  std::optional<Link> link_;
  std::vector<size_t> seeds_;
  std::thread agent_;
};

TEST_F(HoldTest, AnswersNothingButBeginAndHoldsOnWhenThatDidNotWork) {
  EXPECT_EQ(next().name, "held");
  ask(wire::make_request(1, wire::Hello{}));
  ask(wire::make_request(2, wire::Begin{.wall_ms = 1, .blob = wire::Bytes(32)}));
  const wire::Envelope refusal = next();
  EXPECT_EQ(refusal.kind, wire::Envelope::Kind::kRefusal);
  EXPECT_EQ(refusal.id, 2U);
  ask(wire::make_request(3, wire::Begin{.wall_ms = 1, .blob = wire::Bytes(40)}));
  const wire::Envelope reply = next();
  EXPECT_EQ(reply.kind, wire::Envelope::Kind::kReply);
  EXPECT_EQ(reply.id, 3U);
  agent_.join();
  EXPECT_THAT(seeds_, testing::ElementsAre(32, 40));
}

}  // namespace
}  // namespace holdfast::agent
