// Does a channel carry messages, and notice when its peer is gone?
#include "harness/agent/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

Deadline soon() { return Deadline::after(Millis(5000)); }

class ChannelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    far_ = Fd(ends[0]);
    ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    channel_.emplace(Fd(ends[1]), Channel::Kind::kSocket);
    ASSERT_EQ(channel_->wait_peer(soon()), Wake::kReady);
  }

  void far_says(std::string_view bytes) { ASSERT_TRUE(write_all(far_.get(), bytes)); }
  std::string text_of(std::optional<Channel::Incoming> incoming) {
    const auto* message = incoming ? std::get_if<wire::Message>(&*incoming) : nullptr;
    return message != nullptr ? message->text : "nothing";
  }

  Fd far_;
  std::optional<Channel> channel_;
};

TEST_F(ChannelTest, ReceivesMessagesInTheirOrder) {
  far_says(wire::encode_frame({.text = "one", .blob = {}}) + wire::encode_frame({.text = "two", .blob = {}}));
  auto first = channel_->receive(soon());
  EXPECT_EQ(text_of(first), "one");
  channel_->put_back(std::get<wire::Message>(*first));
  EXPECT_EQ(text_of(channel_->receive(soon())), "one");
  EXPECT_EQ(text_of(channel_->receive(soon())), "two");
  EXPECT_EQ(text_of(channel_->receive(Deadline::after(Millis(20)))), "nothing");
  EXPECT_FALSE(channel_->peer_gone());
}

TEST_F(ChannelTest, SaysThatThePeerIsGoneAfterItsLastWords) {
  far_says(wire::encode_frame({.text = "last", .blob = {}}));
  far_.reset();
  EXPECT_EQ(text_of(channel_->receive(soon())), "last");
  EXPECT_EQ(text_of(channel_->receive(soon())), "nothing");
  EXPECT_TRUE(channel_->peer_gone());
  EXPECT_TRUE(channel_->lost());
  EXPECT_FALSE(channel_->send({.text = "x", .blob = {}}));
}

TEST_F(ChannelTest, GivesUpAFrameWhoseSenderPauses) {
  const std::string cut = wire::encode_frame({.text = "{}", .blob = wire::Bytes(100'000)}).substr(0, 300);
  far_says(cut + wire::encode_frame({.text = "whole", .blob = {}}));
  EXPECT_EQ(text_of(channel_->receive(soon())), "whole");
}

TEST_F(ChannelTest, EndsWaitingWhenStopped) {
  const auto stop = Stop::create();
  ASSERT_TRUE(stop);
  stop->request();
  EXPECT_EQ(text_of(channel_->receive(Deadline::never(&*stop))), "nothing");
  EXPECT_FALSE(channel_->peer_gone());
}

}  // namespace
}  // namespace holdfast::agent
