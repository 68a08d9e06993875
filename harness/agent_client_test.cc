// Does the controller believe nothing stale, and notice each way in which an agent can go?
//
// The agent of these tests is a socket into which its words were put beforehand; ids count from 1.
#include "harness/agent_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "harness/base/file.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast {
namespace {

using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

Deadline soon() { return Deadline::after(Millis(5000)); }
Deadline at_once() { return Deadline::after(Millis(50)); }

wire::Hello hello_of(std::string boot_id) {
  wire::Hello hello;
  hello.boot_id = std::move(boot_id);
  return hello;
}

/// A link and what stands at its other end.
class LinkAgentTest : public ::testing::Test {
 protected:
  void SetUp() override { make_link(-1); }

  void make_link(int machine_fd) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    far_ = Fd(ends[0]);
    auto link = Link::over(Fd(ends[1]), {.fd = machine_fd, .is_machine = machine_fd >= 0});
    ASSERT_TRUE(link);
    link_ = std::make_shared<Link>(*std::move(link));
  }

  void far_says(std::string_view bytes) { ASSERT_TRUE(write_all(far_.get(), bytes)); }
  void far_says(const wire::Message& message) { far_says(wire::encode_frame(message)); }
  void far_refuses(uint64_t id, std::string origin, int errnum) {
    far_says(wire::make_refusal(id, {.origin = std::move(origin), .errnum = errnum, .what = "no"}));
  }

  /// The next message that the controller sent.
  Result<wire::Envelope> far_hears() {
    while (true) {
      if (auto came = heard_.next()) return wire::open_envelope(std::get<wire::Message>(*came));
      if (wait_readable(far_.get(), soon()) != Wake::kReady) return lab_error("timeout", "nothing was sent");
      std::array<char, 4096> piece{};
      const ssize_t got = ::read(far_.get(), piece.data(), piece.size());
      if (got <= 0) return lab_error("link", "closed");
      heard_.feed(std::string_view(piece.data(), static_cast<size_t>(got)));
    }
  }

  std::unique_ptr<Agent> adopted(const std::string& boot_id = "A") {
    far_says(wire::make_event(hello_of(boot_id)));
    auto agent = LinkAgent::adopt(link_, "", soon());
    EXPECT_TRUE(agent) << agent.error().what;
    return *std::move(agent);
  }

  Fd far_;
  std::shared_ptr<Link> link_;
  wire::FrameReader heard_;
};

// ---- adopt

TEST_F(LinkAgentTest, IsAdoptedWithItsHello) {
  const auto agent = adopted("A");
  EXPECT_EQ(agent->boot_id(), "A");
}

TEST_F(LinkAgentTest, IsFoundBehindNoiseAndHalfAFrame) {
  const std::string half = wire::encode_frame({.text = "{}", .blob = wire::Bytes(100'000)}).substr(0, 200);
  far_says("\r\nLinux version 7.3\r\n" + half);
  far_says(wire::make_event(hello_of("A")));
  const auto agent = LinkAgent::adopt(link_, "", soon());
  ASSERT_TRUE(agent) << agent.error().what;
  EXPECT_EQ((*agent)->boot_id(), "A");
}

TEST_F(LinkAgentTest, IsAskedWhenItDoesNotSayHelloByItself) {
  std::thread far([this] {
    const auto asked = far_hears();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->name, "hello");
    far_says(wire::make_reply(asked->id, hello_of("A")));
  });
  const auto agent = LinkAgent::adopt(link_, "", soon());
  far.join();
  ASSERT_TRUE(agent) << agent.error().what;
}

/// A kernel that hangs takes nothing from its port: that is no word about the port.
TEST_F(LinkAgentTest, WhatWasSentInPartOnlyIsNotTheMachinesDoing) {
  const Fd lives(::eventfd(0, EFD_CLOEXEC));
  make_link(lives.get());
  const wire::Message large{.text = "{}", .blob = wire::Bytes(4'000'000)};
  EXPECT_EQ(link_->send(large, Deadline::after(Millis(50))).error().type(), "lab.timeout");
  EXPECT_EQ(link_->send(large, Deadline::after(Millis(50))).error().type(), "lab.link");
}

TEST_F(LinkAgentTest, IsALabTimeoutWhenNobodySaysHello) {
  far_says(wire::make_refusal(0, {.origin = "agent", .errnum = 0, .what = "a frame is damaged"}));
  far_says("{}");
  const auto agent = LinkAgent::adopt(link_, "", at_once());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "lab.timeout");
}

TEST_F(LinkAgentTest, TellsWhatCameInsteadOfAHello) {
  far_says(wire::Message{.text = "no JSON", .blob = {}});
  const auto agent = LinkAgent::adopt(link_, "", at_once());
  ASSERT_FALSE(agent);
  EXPECT_THAT(agent.error().what, AllOf(HasSubstr("meanwhile"), HasSubstr("no JSON")));
}

TEST_F(LinkAgentTest, IsALinkErrorWhenTheOtherEndIsClosed) {
  far_.reset();
  const auto agent = LinkAgent::adopt(link_, "", soon());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "lab.link");
}

TEST_F(LinkAgentTest, IsALinkErrorAtOnceWhenTheMachineEnds) {
  const Fd machine(::eventfd(1, EFD_CLOEXEC));
  make_link(machine.get());
  const auto begin = steady_clock::now();
  const auto agent = LinkAgent::adopt(link_, "", soon());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "lab.vm-link");
  EXPECT_THAT(agent.error().what, HasSubstr("the machine ended"));
  EXPECT_LT(steady_clock::now() - begin, Millis(1000));
}

TEST_F(LinkAgentTest, HearsTheLastWordsOfAMachineThatEnded) {
  const Fd machine(::eventfd(1, EFD_CLOEXEC));
  make_link(machine.get());
  far_says(wire::make_event(hello_of("A")));
  EXPECT_TRUE(LinkAgent::adopt(link_, "", soon()));
}

TEST_F(LinkAgentTest, StopsWaitingWhenToldTo) {
  const auto stop = Stop::create();
  ASSERT_TRUE(stop);
  stop->request();
  const auto agent = LinkAgent::adopt(link_, "", Deadline::after(Millis(5000), &*stop));
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "harness.stopped");
}

TEST_F(LinkAgentTest, IsNotAdoptedWithAnotherProtocol) {
  wire::Hello hello = hello_of("A");
  hello.protocol = wire::kProtocolVersion + 1;
  far_says(wire::make_event(hello));
  const auto agent = LinkAgent::adopt(link_, "", soon());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "harness.wire");
}

TEST_F(LinkAgentTest, IsTheKernelsRefusalWhenTheOldKernelSaysNoLate) {
  far_refuses(5, "kernel", EINVAL);
  const auto agent = LinkAgent::adopt(link_, "A", soon());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "kernel.refused");
  EXPECT_EQ(agent.error().errnum, EINVAL);
}

TEST_F(LinkAgentTest, IsNotAdoptedWhenTheOldKernelStillAnswers) {
  far_says(wire::make_event(hello_of("A")));
  const auto agent = LinkAgent::adopt(link_, "A", soon());
  ASSERT_FALSE(agent);
  EXPECT_EQ(agent.error().type(), "kernel.not-replaced");
  ASSERT_EQ(agent.error().evidence.size(), 1U);
  EXPECT_THAT(agent.error().evidence[0].text, testing::HasSubstr("command line"));
}

TEST_F(LinkAgentTest, IsGoneOnceTheNextOneIsAdopted) {
  const auto old = adopted("A");
  const auto next = adopted("B");
  const auto answer = old->call(wire::KexecUnload{}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "lab.link");
  far_says(wire::make_reply(1, wire::Empty{}));
  EXPECT_TRUE(next->call(wire::KexecUnload{}, soon()));
}

// ---- call

TEST_F(LinkAgentTest, TakesNoReplyToAnotherRequest) {
  const auto agent = adopted();
  far_says(wire::make_reply(99, wire::HandleReply{.handle = 99}));
  far_refuses(98, "kernel", EBUSY);
  far_says(wire::make_reply(1, wire::HandleReply{.handle = 1}));
  const auto handle = agent->call(wire::IommufdOpen{}, soon());
  ASSERT_TRUE(handle) << handle.error().what;
  EXPECT_EQ(handle->handle, 1U);
}

TEST_F(LinkAgentTest, TakesNoReplyThatComesAfterItsDeadline) {
  const auto agent = adopted();
  const auto late = agent->call(wire::IommufdOpen{}, at_once());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().type(), "lab.timeout");
  EXPECT_THAT(late.error().what, HasSubstr("iommufd_open"));
  far_says(wire::make_reply(1, wire::HandleReply{.handle = 1}));
  far_says(wire::make_reply(2, wire::HandleReply{.handle = 2}));
  const auto handle = agent->call(wire::IommufdOpen{}, soon());
  ASSERT_TRUE(handle);
  EXPECT_EQ(handle->handle, 2U);
}

TEST_F(LinkAgentTest, GivesTheBlobOfAReply) {
  const auto agent = adopted();
  far_says(wire::make_reply(1, wire::BytesReply{.blob = wire::Bytes(3, std::byte{7})}));
  const auto bytes = agent->call(wire::MemfdRead{}, soon());
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->blob, wire::Bytes(3, std::byte{7}));
}

TEST_F(LinkAgentTest, TellsWhoRefused) {
  const auto agent = adopted();
  const std::array<std::pair<const char*, const char*>, 3> kinds{
      {{"kernel", "kernel.refused"}, {"target", "lab.target"}, {"agent", "harness.refused"}}};
  uint64_t id = 0;
  for (const auto& [origin, type] : kinds) {
    far_refuses(++id, origin, EBUSY);
    const auto refused = agent->call(wire::KexecUnload{}, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().type(), type);
    EXPECT_EQ(refused.error().errnum, EBUSY);
    EXPECT_EQ(refused.error().what, "no");
  }
}

TEST_F(LinkAgentTest, NoticesThatTheTargetCameUpAgainByItself) {
  const auto agent = adopted("A");
  far_says(wire::make_event(hello_of("B")));
  const auto answer = agent->call(wire::KexecUnload{}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "kernel.rebooted");
  // The new kernel's agent can be had.
  const auto next = LinkAgent::adopt(link_, "A", soon());
  ASSERT_TRUE(next);
  EXPECT_EQ((*next)->boot_id(), "B");
}

TEST_F(LinkAgentTest, IgnoresASecondHelloOfTheSameKernel) {
  const auto agent = adopted("A");
  far_says(wire::make_event(hello_of("A")));
  far_says(wire::make_reply(1, wire::Empty{}));
  EXPECT_TRUE(agent->call(wire::KexecUnload{}, soon()));
}

TEST_F(LinkAgentTest, IsALinkErrorWhenTheLinkEndsInACall) {
  const auto agent = adopted();
  ::shutdown(far_.get(), SHUT_WR);
  const auto answer = agent->call(wire::KexecUnload{}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "lab.link");
}

TEST_F(LinkAgentTest, SendsNothingThatNoFrameCanCarry) {
  const auto agent = adopted();
  const auto answer = agent->call(wire::MemfdWrite{.blob = wire::Bytes(wire::kMaxBlob + 1)}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "harness.wire");
  far_says(wire::make_reply(2, wire::Empty{}));
  EXPECT_TRUE(agent->call(wire::KexecUnload{}, soon())) << "the link is as good as before";
}

TEST_F(LinkAgentTest, GivesUpALinkOnWhichOnlyAPartOfARequestWent) {
  const auto agent = adopted();
  const auto stuck = agent->call(wire::MemfdWrite{.blob = wire::Bytes(wire::kMaxBlob)}, at_once());
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().type(), "lab.timeout");
  const auto after = agent->call(wire::KexecUnload{}, soon());
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().type(), "lab.link");
}

// ---- leave

TEST_F(LinkAgentTest, LeavesWhenTheLinkEndsAfterTheAgentSaidSo) {
  const auto agent = adopted();
  far_says(wire::make_event(wire::Leaving{}));
  ::shutdown(far_.get(), SHUT_WR);
  EXPECT_TRUE(agent->leave(soon()));
  const auto asked = far_hears();
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->name, "kexec_execute");
  const auto echo = far_hears();
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->name, "leaving") << "the agent waits for this before it goes";
}

TEST_F(LinkAgentTest, LeavesIntoSilence) {
  const auto agent = adopted();
  far_says(wire::make_event(wire::Leaving{}));
  EXPECT_TRUE(agent->leave(Deadline::after(Millis(200))));
}

TEST_F(LinkAgentTest, LeavesAtOnceWhenTheNextKernelSaysHelloWhichIsNotLost) {
  const auto agent = adopted("A");
  far_says(wire::make_event(wire::Leaving{}));
  far_says(wire::make_event(hello_of("B")));
  const auto begin = steady_clock::now();
  EXPECT_TRUE(agent->leave(soon()));
  const auto next = LinkAgent::adopt(link_, "A", soon());
  ASSERT_TRUE(next) << next.error().what;
  EXPECT_EQ((*next)->boot_id(), "B");
  EXPECT_LT(steady_clock::now() - begin, Millis(1000));
}

TEST_F(LinkAgentTest, DoesNotLeaveWhenTheKernelRefusesAfterTheAgentSaidSo) {
  const auto agent = adopted();
  far_says(wire::make_event(wire::Leaving{}));
  far_refuses(1, "kernel", EINVAL);
  const auto left = agent->leave(soon());
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().type(), "kernel.refused");
  EXPECT_EQ(left.error().errnum, EINVAL);
  far_says(wire::make_reply(2, wire::Empty{}));
  EXPECT_TRUE(agent->call(wire::KexecUnload{}, soon())) << "the old kernel goes on";
}

TEST_F(LinkAgentTest, DoesNotLeaveWhenTheAgentRefusesAtOnce) {
  const auto agent = adopted();
  far_refuses(1, "agent", 0);
  const auto left = agent->leave(soon());
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().type(), "harness.refused");
}

TEST_F(LinkAgentTest, HasNotLeftWhenTheLinkEndsBeforeTheAgentSaidSo) {
  const auto agent = adopted();
  ::shutdown(far_.get(), SHUT_WR);
  const auto left = agent->leave(soon());
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().type(), "lab.link");
}

TEST_F(LinkAgentTest, HasNotLeftWhenTheAgentSaysNothing) {
  const auto agent = adopted();
  const auto left = agent->leave(at_once());
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().type(), "lab.timeout");
}

}  // namespace
}  // namespace holdfast
