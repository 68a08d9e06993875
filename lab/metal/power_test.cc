// Is power switched, proven, and is a switch that lies, fails or is away found out?
#include "lab/metal/power.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/metal/real_bmc.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;

Deadline soon() { return Deadline::after(std::chrono::seconds(120)); }

/// Too quick for metal.
constexpr PowerPace kQuick{.look_every = Millis(20),
                           .believe = Millis(500),
                           .tells = 2,
                           .retry_every = Millis(100),
                           .patience = Millis(60'000),
                           .pause = Millis(20)};

class IpmiPowerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = RealBmc::start();
    ASSERT_TRUE(started) << started.error().what;
    bmc_ = *std::move(started);
    power_ = *make_power({.kind = PowerAccess::Kind::kIpmi, .ipmi = bmc_->access()}, kQuick);
  }
  std::unique_ptr<RealBmc> bmc_;
  std::unique_ptr<HostPower> power_;
};

TEST_F(IpmiPowerTest, SwitchesOnAndOff) {
  EXPECT_EQ(*power_->state(soon()), Power::State::kOff);
  ASSERT_TRUE(power_->on(soon()));
  EXPECT_TRUE(bmc_->power());
  EXPECT_EQ(*power_->state(soon()), Power::State::kOn);
  ASSERT_TRUE(power_->off(soon()));
  EXPECT_FALSE(bmc_->power());
  EXPECT_EQ(bmc_->told(), "set power 1\nset power 0\n");
}

TEST_F(IpmiPowerTest, TellsNothingToAHostThatIsAlreadySo) {
  ASSERT_TRUE(power_->off(soon()));
  EXPECT_EQ(bmc_->told(), "");
}

TEST_F(IpmiPowerTest, CyclesThroughOff) {
  bmc_->set_power(true);
  ASSERT_TRUE(power_->cycle(soon()));
  EXPECT_EQ(bmc_->told(), "set power 0\nset power 1\n");
  EXPECT_TRUE(bmc_->power());
}

TEST_F(IpmiPowerTest, ResetsWithoutTouchingThePower) {
  bmc_->set_power(true);
  ASSERT_TRUE(power_->reset(soon()));
  EXPECT_EQ(bmc_->told(), "set reset 1\n");
}

TEST_F(IpmiPowerTest, FindsOutThatTheBmcLied) {
  bmc_->set_switch(RealBmc::Switch::kLies);
  const auto switched = power_->on(soon());
  ASSERT_FALSE(switched);
  EXPECT_EQ(switched.error().type(), "lab.power-lied");
  EXPECT_THAT(switched.error().what, HasSubstr("told 2 times to switch on, it said yes, and is still off"));
  EXPECT_EQ(bmc_->told(), "set power 1\nset power 1\n");
}

TEST_F(IpmiPowerTest, FindsOutThatTheBmcLiedWhenTimeIsShort) {
  bmc_->set_switch(RealBmc::Switch::kLies);
  const auto power = *make_power({.kind = PowerAccess::Kind::kIpmi, .ipmi = bmc_->access()}, PowerPace{});
  EXPECT_EQ(power->on(Deadline::after(Millis(3000))).error().type(), "lab.power-lied");
}

TEST_F(IpmiPowerTest, IsPatientWithABmcThatIsAway) {
  bmc_->kill();
  Result<void> revived;
  std::atomic<bool> done{false};
  std::thread reviver([&] {
    wait_until(Deadline::after(Millis(3000)));
    revived = bmc_->revive();
    while (!done) wait_until(Deadline::after(Millis(20)));  // the BMC is a child of this thread, and would end with it
  });
  const auto switched = power_->on(soon());
  done = true;
  reviver.join();
  ASSERT_TRUE(revived);
  EXPECT_TRUE(switched) << switched.error().what;
}

TEST_F(IpmiPowerTest, GivesUpOnABmcThatStaysAway) {
  bmc_->kill();
  const auto switched = power_->on(Deadline::after(Millis(10'000)));
  ASSERT_FALSE(switched);
  EXPECT_EQ(switched.error().type(), "lab.bmc");
  ASSERT_FALSE(switched.error().evidence.empty());
  EXPECT_THAT(switched.error().evidence.front().text, HasSubstr("Unable to establish"));
}

TEST_F(IpmiPowerTest, DoesNotTryAWrongPasswordAgain) {
  const auto power = *make_power({.kind = PowerAccess::Kind::kIpmi, .ipmi = bmc_->wrong_password()}, kQuick);
  const auto state = power->state(Deadline::never());
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().type(), "lab.bmc");
  EXPECT_EQ(state.error().errnum, EACCES);
}

TEST_F(IpmiPowerTest, ReportsABmcWhoseSwitchFails) {
  bmc_->set_switch(RealBmc::Switch::kFails);
  const auto switched = power_->on(Deadline::after(Millis(3000)));
  ASSERT_FALSE(switched);
  EXPECT_THAT(switched.error().type(), testing::AnyOf("lab.bmc", "lab.power-lied"));
}

TEST_F(IpmiPowerTest, ResetsNothingThatIsOff) {
  bmc_->set_switch(RealBmc::Switch::kLies);
  const auto reset = power_->reset(soon());
  ASSERT_FALSE(reset) << "a BMC that lies would be believed";
  EXPECT_EQ(reset.error().type(), "lab.powered-off");
  EXPECT_EQ(bmc_->told(), "");
}

TEST_F(IpmiPowerTest, IsLessPatientWithARefusalThanWithSilence) {
  bmc_->set_switch(RealBmc::Switch::kFails);
  PowerPace pace = kQuick;
  pace.busy = Millis(1000);
  const auto power = *make_power({.kind = PowerAccess::Kind::kIpmi, .ipmi = bmc_->access()}, pace);
  bmc_->set_power(true);
  const auto began = Deadline::Clock::now();
  const auto reset = power->reset(soon());
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().errnum, EREMOTEIO) << reset.error().what;
  EXPECT_THAT(reset.error().what, HasSubstr("it answers"));
  EXPECT_LT(Deadline::Clock::now() - began, pace.patience / 2);
}

TEST_F(IpmiPowerTest, EndsWhenStopped) {
  bmc_->set_switch(RealBmc::Switch::kLies);
  const auto stop = Stop::create();
  stop->request();
  EXPECT_EQ(power_->on(Deadline::never(&*stop)).error().type(), "harness.stopped");
}

TEST_F(IpmiPowerTest, HasABmcThatAnswersAndCanBeReset) {
  Bmc* const bmc = power_->bmc();
  ASSERT_NE(bmc, nullptr);
  EXPECT_TRUE(bmc->answers(soon()));
  EXPECT_TRUE(bmc->reset(Bmc::Reset::kCold, soon()));
  bmc_->kill();
  EXPECT_EQ(bmc->answers(soon()).error().type(), "lab.bmc");
}

TEST_F(IpmiPowerTest, AFenceAgentSwitchesTheSameBmc) {
  const IpmiAccess access = bmc_->access();
  PowerAccess fence{.kind = PowerAccess::Kind::kFence,
                    .agent = "fence_ipmilan",
                    .options = {{"ip", access.address},
                                {"ipport", std::to_string(access.port)},
                                {"username", access.user},
                                {"lanplus", "1"},
                                {"cipher", "3"},
                                {"power_timeout", "5"}},
                    .secrets = {{"password", access.password}}};
  const auto power = *make_power(fence, kQuick);
  ASSERT_TRUE(power->on(soon()));
  EXPECT_TRUE(bmc_->power());
  EXPECT_EQ(*power->state(soon()), Power::State::kOn);
  ASSERT_TRUE(power->off(soon()));
  EXPECT_EQ(power->bmc(), nullptr);

  fence.secrets["password"] = bmc_->wrong_password().password;
  const auto refused = (*make_power(fence, kQuick))->state(Deadline::after(Millis(100)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.power");
  EXPECT_FALSE(refused.error().evidence.front().text.empty());
}

TEST(MakePower, RefusesAnOptionOfTwoLines) {
  const auto made = make_power({.kind = PowerAccess::Kind::kFence,
                                .agent = "fence_dummy",
                                .options = {{"type", "file\naction=off"}},
                                .declared_at = "lab.toml:7:1"});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().type(), "harness.usage");
  EXPECT_THAT(made.error().what, HasSubstr("lab.toml:7:1"));
}

/// Programs of the lab's own: their state is a file.
class ExecPowerTest : public testing::Test {
 protected:
  std::unique_ptr<HostPower> power(const std::string& on, const std::string& state = "cat") {
    const std::string file = (dir_.path() / "power").string();
    EXPECT_TRUE(write_file(file, "off\n"));
    return *make_power({.kind = PowerAccess::Kind::kExec,
                        .on = {"sh", "-c", on, "sh", file},
                        .off = {"sh", "-c", "echo off >\"$1\"", "sh", file},
                        .state = {state, file}},
                       kQuick);
  }
  TempDir dir_ = *TempDir::create("power");
};

TEST_F(ExecPowerTest, RunsTheProgramsAndReadsTheStateBack) {
  const auto switched = power("echo on >\"$1\"");
  ASSERT_TRUE(switched->on(soon()));
  EXPECT_EQ(*read_file(dir_.path() / "power"), "on\n");
  ASSERT_TRUE(switched->cycle(soon()));
  ASSERT_TRUE(switched->off(soon()));
  EXPECT_EQ(*switched->state(soon()), Power::State::kOff);
}

TEST_F(ExecPowerTest, FindsOutThatAProgramLied) {
  EXPECT_EQ(power("true")->on(Deadline::after(Millis(1000))).error().type(), "lab.power-lied");
}

TEST_F(ExecPowerTest, ReportsAProgramThatFails) {
  const auto failed = power("echo no relay >&2; exit 7")->on(Deadline::after(Millis(1000)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().type(), "lab.power");
  EXPECT_THAT(failed.error().what, HasSubstr("exit code 7"));
  EXPECT_EQ(failed.error().evidence.front().text, "no relay\n");
}

TEST_F(ExecPowerTest, ReportsAStateThatIsNone) {
  const auto state = power("true", "ls")->state(Deadline::after(Millis(200)));
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().type(), "lab.power");
}

TEST(MakePower, NeedsAllThreePrograms) {
  EXPECT_EQ(make_power({.kind = PowerAccess::Kind::kExec, .on = {"true"}, .off = {"true"}}).error().type(),
            "harness.usage");
}

}  // namespace
}  // namespace holdfast::lab
