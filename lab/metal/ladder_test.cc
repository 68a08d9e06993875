// Is each rung of the ladder tried in its turn, and none for which there are no means?
#include "lab/metal/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// A host that is healed by one thing, and writes down what is done to it.
struct Lab {
  std::vector<std::string> done;
  std::string cure;  ///< what of `done` heals it
  bool healed = false;
  std::string console;

  void act(const std::string& what) {
    done.push_back(what);
    healed = healed || what == cure;
  }
};

class FakeSwitch : public HostPower, private Bmc {
 public:
  FakeSwitch(Lab& lab, std::string name, bool has_bmc)
      : HostPower({.look_every = Millis(1),
                   .believe = Millis(20),
                   .tells = 2,
                   .retry_every = Millis(1),
                   .patience = Millis(20),
                   .pause = Millis(1)}),
        lab_(lab),
        name_(std::move(name)),
        has_bmc_(has_bmc) {}
  Result<void> reset(const Deadline&) override {
    if (away) return lab_error("bmc", "away");
    lab_.act(name_ + " reset");
    return {};
  }
  std::string describe() const override { return name_; }
  Bmc* bmc() override { return has_bmc_ ? this : nullptr; }

  State is = State::kOn;
  bool away = false;
  bool lies = false;

 protected:
  Result<void> tell(State wanted, const Deadline&) override {
    if (away) return lab_error("bmc", "away");
    lab_.done.push_back(name_ + (wanted == State::kOn ? " on" : " off"));
    if (lies) return {};
    if (wanted == State::kOn) lab_.healed = lab_.healed || lab_.cure == name_ + " on";
    is = wanted;
    return {};
  }
  Result<State> ask(const Deadline&) override {
    if (away) return lab_error("bmc", "away");
    return is;
  }

 private:
  Result<void> answers(const Deadline&) override {
    if (away) return lab_error("bmc", "away");
    return {};
  }
  Result<void> reset(Reset, const Deadline&) override {
    lab_.act(name_ + " cold");
    away = lies = false;
    return {};
  }

  Lab& lab_;
  const std::string name_;
  const bool has_bmc_;
};

class LadderTest : public testing::Test {
 protected:
  LadderTest() {
    means_.ssh_answers = [this](const Deadline&) -> Result<void> {
      if (ssh_) return {};
      return lab_error("ssh", "no answer");
    };
    means_.ssh_reboot = [this](const Deadline&) -> Result<void> {
      lab_.act("ssh reboot");
      return {};
    };
    means_.sysrq = [this](char key, const Deadline&) -> Result<void> {
      lab_.act(std::string("sysrq ") + key);
      lab_.console += kernel_reacts_ ? "[   12.345678] sysrq: Emergency Sync\n" : std::string(1, key);  // an echo
      return {};
    };
    means_.console_mark = [this] { return lab_.console.size(); };
    means_.console_since = [this](size_t from) { return lab_.console.substr(from); };
    means_.power = {&bmc_, &pdu_};
    means_.stable_up = [this](const Deadline&) -> Result<void> {
      if (lab_.healed) return {};
      return lab_error("timeout", "no stable system");
    };
    means_.sign_of_life = Millis(20);
    means_.on_rung = [this](const RungReport& report) { reports_.push_back(report); };
    means_.key_pause = Millis(1);
    means_.reaction = Millis(20);
  }
  Result<void> climb() { return recover(means_, Deadline::after(std::chrono::seconds(60))); }
  std::vector<std::string> rungs() const {
    std::vector<std::string> names;
    for (const RungReport& report : reports_) names.push_back(report.rung);
    return names;
  }

  Lab lab_;
  FakeSwitch bmc_{lab_, "bmc", true};
  FakeSwitch pdu_{lab_, "pdu", false};
  bool ssh_ = true;
  bool kernel_reacts_ = true;
  LadderMeans means_;
  std::vector<RungReport> reports_;
};

TEST_F(LadderTest, SshRebootIsEnoughWhereItWorks) {
  lab_.cure = "ssh reboot";
  ASSERT_TRUE(climb());
  EXPECT_THAT(lab_.done, ElementsAre("ssh reboot"));
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_TRUE(reports_[0].ok);
  EXPECT_EQ(reports_[0].why, "");
}

TEST_F(LadderTest, SysrqFollowsWhenSshDoesNotAnswer) {
  ssh_ = false;
  lab_.cure = "sysrq b";
  ASSERT_TRUE(climb());
  EXPECT_THAT(lab_.done, ElementsAre("sysrq s", "sysrq u", "sysrq b"));
  EXPECT_THAT(rungs(), ElementsAre("ssh reboot", "sysrq"));
  EXPECT_THAT(reports_[0].why, HasSubstr("lab.ssh: no answer"));
}

TEST_F(LadderTest, AKernelThatIsDeafToSysrqIsReset) {
  kernel_reacts_ = false;
  lab_.cure = "bmc reset";
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(), ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)"));
  EXPECT_THAT(reports_[1].why, HasSubstr("does not react"));
}

/// Stands still until `deadline`, as a host that hangs while it is on.
Result<void> waits(const Deadline& deadline) { return wait_error(wait_until(deadline), "stable system"); }

TEST_F(LadderTest, AResetWithoutASignOfLifeIsNotWaitedFor) {
  ssh_ = kernel_reacts_ = false;
  lab_.cure = "bmc on";
  means_.stable_up = [this](const Deadline& deadline) { return lab_.healed ? Result<void>() : waits(deadline); };
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(), ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)", "power cycle (bmc)"));
  EXPECT_THAT(reports_[2].why, HasSubstr("lab.no-effect: no sign of life"));
}

/// The control of the one above: the first look is too short for it, and the console says that it is on its way.
TEST_F(LadderTest, AHostThatSpeaksAfterAResetHasAllItsTime) {
  ssh_ = kernel_reacts_ = false;
  int looks = 0;
  means_.stable_up = [&](const Deadline& deadline) -> Result<void> {
    if (++looks == 2) return {};
    lab_.console += "firmware\r\n";
    return waits(deadline);
  };
  ASSERT_TRUE(climb());
  EXPECT_EQ(rungs().back(), "chassis reset (bmc)");
  EXPECT_EQ(looks, 2);
}

constexpr const char* kStuckBoot =
    "[    0.000000] Linux version 6.1.0\r\n"
    "[  242.627736] INFO: task swapper/0:1 blocked for more than 120 seconds.\r\n"
    "[  242.628207]       Not tainted 6.1.0 #1\r\n";

TEST_F(LadderTest, AStableSystemThatSaysThatItIsStuckIsNotWaitedForToTheEnd) {
  ssh_ = kernel_reacts_ = false;
  means_.stuck_patience = Millis(20);
  lab_.cure = "bmc on";
  means_.stable_up = [this](const Deadline& deadline) -> Result<void> {
    if (lab_.healed) return {};
    lab_.console += kStuckBoot;
    return waits(deadline);
  };
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(), ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)", "power cycle (bmc)"));
  EXPECT_THAT(reports_[2].why, HasSubstr("lab.stuck: the host's own system does not come up, and its console says: "
                                         "INFO: task swapper/0:1 blocked"));
}

/// The control of the one above: it has said so, and gets over it.
TEST_F(LadderTest, AStableSystemThatWasStuckForAWhileIsUp) {
  means_.stuck_patience = Millis(20);
  int looks = 0;
  means_.stable_up = [&](const Deadline& deadline) -> Result<void> {
    lab_.console += kStuckBoot;
    return ++looks == 3 ? Result<void>() : waits(deadline);
  };
  EXPECT_FALSE(up_unless_stuck(means_, 0, Deadline::after(std::chrono::seconds(60))));
  looks = 1;
  EXPECT_TRUE(up_unless_stuck(means_, 0, Deadline::after(std::chrono::seconds(60))));
}

/// Nor is one that only takes its time, or that was stuck before the restart.
TEST_F(LadderTest, ASlowStableSystemHasAllItsTime) {
  means_.stuck_patience = Millis(20);
  lab_.console = kStuckBoot;
  const size_t before = lab_.console.size();
  int looks = 0;
  means_.stable_up = [&](const Deadline& deadline) -> Result<void> {
    lab_.console += "[  OK  ] Started something\r\n";
    return ++looks == 5 ? Result<void>() : waits(deadline);
  };
  EXPECT_TRUE(up_unless_stuck(means_, before, Deadline::after(std::chrono::seconds(60))));
}

TEST_F(LadderTest, AHostThatIsUpWhileItsConsoleIsSilentIsUp) {
  ssh_ = kernel_reacts_ = false;
  lab_.cure = "bmc reset";
  ASSERT_TRUE(climb());
  EXPECT_EQ(rungs().back(), "chassis reset (bmc)");
}

TEST_F(LadderTest, WithoutAConsoleAResetIsWaitedFor) {
  means_.console_mark = {};
  const auto up = [](const Deadline& deadline) -> Result<void> {
    EXPECT_GT(deadline.remaining(), std::chrono::seconds(30));
    return {};
  };
  means_.stable_up = up;
  EXPECT_TRUE(up_after_reset(means_, 0, Deadline::after(std::chrono::seconds(60))));
}

TEST_F(LadderTest, WhoIsUpButNotHealthyIsNoHelp) {
  lab_.cure = "ssh reboot";
  means_.healthy = [this](const Deadline&) -> Result<void> {
    if (lab_.done.back() == "sysrq b") return {};
    return lab_error("unhealthy", "a device is missing");
  };
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(), ElementsAre("ssh reboot", "sysrq"));
  EXPECT_THAT(reports_[0].why, HasSubstr("a device is missing"));
}

TEST_F(LadderTest, EachSwitchIsCycledInItsTurn) {
  lab_.cure = "pdu on";
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(),
              ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)", "power cycle (bmc)", "power cycle (pdu)"));
  EXPECT_THAT(lab_.done, ElementsAre("ssh reboot", "sysrq s", "sysrq u", "sysrq b", "bmc reset", "bmc off", "bmc on",
                                     "pdu off", "pdu on"));
}

TEST_F(LadderTest, ABmcThatLiesIsRestartedAndTriedOnceMore) {
  means_.power = {&bmc_};
  bmc_.lies = true;
  lab_.cure = "bmc on";
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(),
              ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)", "power cycle (bmc)", "BMC cold reset (bmc)"));
  EXPECT_THAT(reports_[3].why, HasSubstr("lab.power-lied"));
  EXPECT_TRUE(reports_[4].ok);
}

TEST_F(LadderTest, ABmcThatIsAwayDoesNotKeepThePduFromTrying) {
  bmc_.away = true;
  lab_.cure = "pdu on";
  ASSERT_TRUE(climb());
  EXPECT_THAT(rungs(),
              ElementsAre("ssh reboot", "sysrq", "chassis reset (bmc)", "power cycle (bmc)", "power cycle (pdu)"));
  EXPECT_THAT(reports_[2].why, HasSubstr("lab.bmc"));
}

TEST_F(LadderTest, TheBmcIsRestartedWhenNothingElseHelps) {
  lab_.cure = "bmc cold";
  ASSERT_TRUE(climb());
  EXPECT_EQ(reports_.back().rung, "BMC cold reset (bmc)");
  EXPECT_TRUE(reports_.back().ok);
  EXPECT_EQ(lab_.done.back(), "bmc on");
}

TEST_F(LadderTest, AHostThatIsOffIsSwitchedOnFirst) {
  bmc_.is = Power::State::kOff;
  lab_.cure = "bmc on";
  ASSERT_TRUE(climb());
  EXPECT_THAT(lab_.done, ElementsAre("bmc on"));
  EXPECT_THAT(rungs(), ElementsAre("power on (bmc)"));
}

TEST_F(LadderTest, GivesUpWithTheWholeStory) {
  const auto result = climb();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type(), "lab.unrecovered");
  ASSERT_FALSE(result.error().evidence.empty());
  const std::string& story = result.error().evidence.front().text;
  for (const auto& limit : kRungLimits) {
    const bool told = story.find(limit.name) != std::string::npos;
    EXPECT_EQ(told, limit.rung != Rung::kPowerOn) << limit.name << " in " << story;
  }
}

TEST_F(LadderTest, LeavesOutWhatTheHostHasNoMeansFor) {
  means_.ssh_answers = {};
  means_.sysrq = {};
  means_.power = {&pdu_};
  lab_.cure = "pdu on";
  ASSERT_TRUE(climb());
  EXPECT_THAT(lab_.done, ElementsAre("pdu off", "pdu on"));
  for (size_t i = 0; i < 3; ++i) EXPECT_THAT(reports_[i].why, StartsWith("left out: "));
}

TEST_F(LadderTest, AHostWithoutAnyMeansIsGivenUp) {
  means_.ssh_answers = {};
  means_.sysrq = {};
  means_.power = {};
  EXPECT_EQ(climb().error().type(), "lab.unrecovered");
  EXPECT_TRUE(lab_.done.empty());
}

TEST_F(LadderTest, EndsAtTheDeadline) {
  const auto result = recover(means_, Deadline::after(Millis(0)));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("before the deadline"));
  EXPECT_TRUE(lab_.done.empty());
}

TEST_F(LadderTest, EndsWhenStopped) {
  const auto stop = Stop::create();
  means_.stable_up = [&](const Deadline& deadline) -> Result<void> {
    stop->request();
    return wait_error(wait_until(deadline), "stable system");
  };
  const auto result = recover(means_, Deadline::after(std::chrono::seconds(60), &*stop));
  EXPECT_EQ(result.error().type(), "harness.stopped");
  EXPECT_THAT(lab_.done, ElementsAre("ssh reboot"));
}

TEST_F(LadderTest, BoundsFollowTheHostsTimeScale) {
  means_.console_mark = {};  // with a console it is looked at in between
  means_.time_scale = 3;
  means_.stable_up = [&](const Deadline& deadline) -> Result<void> {
    EXPECT_GT(deadline.remaining(), kStableLimit * 2);
    EXPECT_LE(deadline.remaining(), kStableLimit * 3);
    return {};
  };
  EXPECT_TRUE(recover(means_, Deadline::never()));
}

}  // namespace
}  // namespace holdfast::lab
