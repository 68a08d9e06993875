// Do the hands say what is wrong with a host, and leave a lost one alone?
//
// Nothing that answers is healed here: it would be this computer that is restarted.
#include "lab/metal/host_hands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "lab/metal/either_stop.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;

class Recoveries : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* one = std::get_if<Recovery>(&event)) rungs.push_back(one->rung);
  }
  std::vector<std::string> rungs;
};

Deadline soon() { return Deadline::after(Millis(120'000)); }

/// A host that nobody answers for.
Host dead_host() {
  Host host;
  host.name = "metal-1";
  host.ssh.host = {.address = "127.0.0.1", .port = 1, .key = {}, .host_key = "ssh-ed25519 AAAA"};
  return host;
}

TEST(HostHands, SayWhatIsWrongWithAHostThatDoesNotAnswer) {
  const TempDir dir = *TempDir::create("hf");
  Recoveries events;
  const auto hands = make_host_hands(dead_host(), events);
  ASSERT_TRUE(hands);
  const auto recorded = (*hands)->record({.runtime_dir = dir.path(), .raw = {}, .lines = {}, .socket = {}});
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().blame, Blame::kPlan) << "a host without a console is driven without";
  EXPECT_EQ((*hands)->examine(soon()).error().type(), "lab.unhealthy");
  EXPECT_EQ((*hands)->come_home(soon()).error().type(), "lab.no-power");
  const Stop lost = *Stop::create();
  const auto healed = (*hands)->heal(
      lab_error("unhealthy", "silent"), [](const Deadline& /*deadline*/) { return Result<void>(); }, lost, soon());
  EXPECT_EQ(healed.error().type(), "lab.unrecovered");
  EXPECT_THAT(events.rungs, ElementsAre("ssh reboot")) << "what there are no means for was not tried";
  EXPECT_EQ((*hands)->last_rung(), "ssh reboot");
}

TEST(HostHands, TellOfTheWayHomeToo) {
  const TempDir dir = *TempDir::create("hf");
  Host host = dead_host();
  PowerAccess power;
  power.kind = PowerAccess::Kind::kExec;
  power.on = power.off = power.state = {"/bin/false"};
  host.power = {power};
  Recoveries events;
  const auto hands = make_host_hands(host, events);
  ASSERT_TRUE(hands);
  EXPECT_FALSE((*hands)->come_home(Deadline::after(Millis(3000))));
  EXPECT_THAT(events.rungs, ElementsAre(testing::StartsWith("way home by power cycle (")));
}

TEST(HostHands, TouchNothingOfAHostThatIsLost) {
  const TempDir dir = *TempDir::create("hf");
  const std::string touched = (dir.path() / "touched").string();
  Host host = dead_host();
  PowerAccess power;
  power.kind = PowerAccess::Kind::kExec;
  power.on = power.off = {"/usr/bin/touch", touched};
  power.state = {"/bin/echo", "on"};
  host.power = {power};
  Recoveries events;
  const auto hands = make_host_hands(host, events);
  ASSERT_TRUE(hands);
  const Stop lost = *Stop::create();
  lost.request();
  const auto healed = (*hands)->heal(
      lab_error("unhealthy", "silent"), [](const Deadline& /*deadline*/) { return Result<void>(); }, lost, soon());
  EXPECT_EQ(healed.error().type(), "harness.stopped");
  EXPECT_FALSE(std::filesystem::exists(touched));
}

TEST(EitherStop, IsRequestedByEitherAndByNeither) {
  const Stop run = *Stop::create();
  const Stop lost = *Stop::create();
  const auto waits = [](const EitherStop& either, Millis span) {
    return wait_until(Deadline::after(span, &either.stop())) == Wake::kStopped;
  };
  const auto none = *EitherStop::of(nullptr, lost);
  const auto both = *EitherStop::of(&run, lost);
  EXPECT_FALSE(waits(*both, Millis(50)));
  run.request();
  EXPECT_TRUE(waits(*both, Millis(20'000)));
  EXPECT_FALSE(waits(*none, Millis(50)));
  lost.request();
  EXPECT_TRUE(waits(*none, Millis(20'000)));
}

}  // namespace
}  // namespace holdfast::lab
