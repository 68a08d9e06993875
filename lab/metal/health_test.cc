// Does the health gate let the right host pass, and find each thing that may be wrong with one?
#include "lab/metal/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;

/// A host whose console shows what is written to it, unless it is torn.
class FakeConsole : public Console {
 public:
  Mark mark() const override { return text.size(); }
  std::string slice(Mark from, Mark to) const override { return text.substr(from, to - from); }
  Result<Mark> expect(std::string_view wanted, Mark from, const Deadline&) override {
    const size_t at = text.find(wanted, from);
    if (at == std::string::npos) return lab_error("timeout", "not on the console");
    return at + wanted.size();
  }
  Result<void> send(std::string_view, const Deadline&) override { return {}; }
  std::string text;
};

class FakePower : public HostPower, private Bmc {
 public:
  FakePower() : HostPower({.patience = Millis(0)}) {}
  std::string describe() const override { return "the BMC"; }
  Bmc* bmc() override { return this; }
  State is = State::kOn;
  bool away = false;

 protected:
  Result<void> tell(State, const Deadline&) override { return {}; }
  Result<State> ask(const Deadline&) override { return is; }

 private:
  Result<void> answers(const Deadline&) override {
    if (away) return lab_error("bmc", "BMC does not answer").with("ipmitool", "no session\n");
    return {};
  }
  Result<void> reset(Reset, const Deadline&) override { return {}; }
};

class HealthTest : public testing::Test {
 protected:
  HealthTest() {
    means_.run = [this](const std::vector<std::string>& argv, const Deadline&) { return run(argv); };
    means_.console = &console_;
    means_.power = {&power_};
    means_.devices = {device("nic", "0000:01:00.0", 0x8086, 0x10d3), device("any", "", 0x1af4, 0x1041)};
  }
  static HostDevice device(const std::string& role, const std::string& bdf, uint16_t vendor, uint16_t id) {
    return {.device = {.role = role, .bdf = bdf, .model = {}, .traits = {}},
            .vendor = vendor,
            .id = id,
            .declared_at = "lab.toml:9:1"};
  }
  Result<Output> run(const std::vector<std::string>& argv) {
    if (!ssh_) return lab_error("ssh", "host does not answer");
    if (argv[0] == "cat") return Output{.status = {}, .out = cmdline_, .err = {}};
    if (argv.back().find("/sys/bus/pci") != std::string::npos) return Output{.status = {}, .out = lspci_, .err = {}};
    if (argv.back().find("/dev/console") == std::string::npos)
      return Output{.status = {.code = 127}, .out = {}, .err = {}};
    const auto words = split(argv.back(), ' ');
    if (torn_ > 0) {
      --torn_;
    } else if (echoes_) {
      console_.text += std::string(words[1]) + "\r\n";
    }
    return Output{.status = {.code = console_writable_ ? 0 : 1}, .out = {}, .err = "Permission denied"};
  }
  Deadline soon() const { return Deadline::after(std::chrono::seconds(60)); }
  /// What is wrong with it: the gate must close, and name this.
  Finding only_wrong() {
    const auto findings = look_at(means_, soon());
    EXPECT_EQ(std::ranges::count(findings, Finding::State::kMissing, &Finding::state), 1) << to_text(findings);
    const auto found = std::ranges::find(findings, Finding::State::kMissing, &Finding::state);
    if (found == findings.end()) return {};
    EXPECT_FALSE(found->mend.empty());
    const auto passed = pass_gate(means_, soon());
    EXPECT_FALSE(passed);
    if (!passed) {
      EXPECT_EQ(passed.error().type(), "lab.unhealthy");
      EXPECT_THAT(passed.error().what, HasSubstr(found->what));
    }
    return *found;
  }

  bool ssh_ = true;
  std::string cmdline_ = "root=/dev/sda1 console=ttyS0\n";
  std::string lspci_ = "0000:00:00.0 0x8086 0x29c0\n0000:01:00.0 0x8086 0x10d3\n0000:02:00.0 0x1af4 0x1041\n";
  bool echoes_ = true;
  int torn_ = 0;
  bool console_writable_ = true;
  FakeConsole console_;
  FakePower power_;
  GateMeans means_;
};

TEST_F(HealthTest, AHealthyHostPasses) {
  const auto findings = look_at(means_, soon());
  EXPECT_TRUE(ready(findings)) << to_text(findings);
  EXPECT_EQ(findings.size(), 6U);  // ssh, kernel, two devices, BMC, console
  EXPECT_TRUE(pass_gate(means_, soon()));
}

TEST_F(HealthTest, AHostWithoutSshIsOnlyAskedForItsSwitches) {
  ssh_ = false;
  EXPECT_EQ(only_wrong().about, "ssh");
  EXPECT_EQ(look_at(means_, soon()).size(), 2U);
}

TEST_F(HealthTest, ATestKernelIsNotTheStableOne) {
  cmdline_ = "console=ttyS0 holdfast.boot=abc\n";
  EXPECT_THAT(only_wrong().what, HasSubstr("holdfast.boot=abc"));
}

TEST_F(HealthTest, AWordThatOnlyContainsOursIsNone) {
  cmdline_ = "console=ttyS0 noholdfast.boot=abc\n";
  EXPECT_TRUE(pass_gate(means_, soon()));
}

TEST_F(HealthTest, ADeviceThatIsNotThereIsNamed) {
  lspci_ = "0000:02:00.0 0x1af4 0x1041\n";
  const Finding finding = only_wrong();
  EXPECT_EQ(finding.about, "device 'nic'");
  EXPECT_THAT(finding.what, HasSubstr("nothing is at 0000:01:00.0"));
  EXPECT_THAT(finding.mend, HasSubstr("lab.toml:9:1"));
}

TEST_F(HealthTest, AnotherDeviceAtTheAddressIsNamed) {
  lspci_ = "0000:01:00.0 0x8086 0x1533\n0000:02:00.0 0x1af4 0x1041\n";
  EXPECT_THAT(only_wrong().what, HasSubstr("is 8086:1533, not 8086:10d3"));
}

TEST_F(HealthTest, TwoDevicesOfTheSameIdsNeedTwo) {
  means_.devices = {device("any", "", 0x1af4, 0x1041), device("fixed", "0000:02:00.0", 0x1af4, 0x1041)};
  EXPECT_EQ(only_wrong().about, "device 'any'");
  lspci_ += "0000:03:00.0 0x1af4 0x1041\n";
  EXPECT_TRUE(pass_gate(means_, soon()));
}

TEST_F(HealthTest, ABmcThatDoesNotAnswerIsNamedWithItsReason) {
  power_.away = true;
  const Finding finding = only_wrong();
  EXPECT_EQ(finding.about, "the BMC");
  EXPECT_THAT(finding.what, HasSubstr("no session"));
}

TEST_F(HealthTest, ASwitchThatSaysOffWhileTheHostRunsIsNotItsOwn) {
  power_.is = Power::State::kOff;
  EXPECT_THAT(only_wrong().what, HasSubstr("off"));
}

TEST_F(HealthTest, AConsoleThatShowsNothingIsNamed) {
  echoes_ = false;
  EXPECT_EQ(only_wrong().about, "console");
}

TEST_F(HealthTest, ALineTornByAKernelMessageIsWrittenAgain) {
  torn_ = 2;
  EXPECT_TRUE(pass_gate(means_, soon()));
}

TEST_F(HealthTest, AConsoleThatMayNotBeWrittenToIsNamed) {
  console_writable_ = false;
  EXPECT_THAT(only_wrong().mend, HasSubstr("write to /dev/console"));
}

TEST_F(HealthTest, AHostWithoutConsoleAndSwitchPassesWithoutThem) {
  means_.console = nullptr;
  means_.power = {};
  EXPECT_EQ(look_at(means_, soon()).size(), 4U);
  EXPECT_TRUE(pass_gate(means_, soon()));
}

TEST_F(HealthTest, EndsWhenStopped) {
  const auto stop = Stop::create();
  stop->request();
  EXPECT_EQ(pass_gate(means_, Deadline::never(&*stop)).error().type(), "harness.stopped");
}

}  // namespace
}  // namespace holdfast::lab
