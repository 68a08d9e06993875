// When something goes wrong on a lab host, is it blamed on whom it should be, and is the host well again afterwards?
//
// Most hit the first of two cases; the second must pass. Bench looks after each test that nothing is left behind.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/e2e/metal/bench_test.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

/// Has a kernel wait for ever, for a disk that never comes.
constexpr const char* kSilentEnd = "rdinit=/nonexistent root=/dev/nonexistent rootwait";

using ::testing::HasSubstr;
using ::testing::Not;

class MetalFaults : public Bench {
 protected:
  /// Both cases, to the end.
  void run(const std::vector<std::string>& more) {
    Process run = program_.start(run_words(more));
    code_ = end_of(run);
  }
  /// Waits until the journal has a line with all of these words.
  testing::AssertionResult is_told(const std::vector<std::string>& words) const {
    const auto has_all = [&](std::string_view line) {
      return std::ranges::all_of(words, [&](const std::string& word) { return line.find(word) != line.npos; });
    };
    const auto told = [&](const std::string& journal) { return std::ranges::any_of(split(journal, '\n'), has_all); };
    if (program_.wait_for_journal(told, Millis(600'000))) return testing::AssertionSuccess();
    return testing::AssertionFailure() << testing::PrintToString(words) << " is not in the journal\n" << said();
  }
  /// Waits until that rung was tried for nothing.
  testing::AssertionResult was_no_help(const std::string& rung) const {
    return is_told({"\"rung\":\"" + rung, "\"ok\":false"});
  }
  /// Begins a run, and breaks something while kernel A takes kernel B: that takes some seconds.
  Process run_until_load_breaks(const std::vector<std::string>& how) {
    Process run = program_.start(run_words({"--timeout-scale", "0.4"}));
    EXPECT_TRUE(comes_to(kHit, "load"));
    EXPECT_TRUE(fault(how).status.success());
    EXPECT_TRUE(is_told({"case-settled"}));
    return run;
  }
  /// With another inventory than the lab's own.
  static std::vector<std::string> words_with(const std::string& file, const std::string& text,
                                             const std::vector<std::string>& more = {}) {
    const fs::path inventory = lab_->folder() / file;
    EXPECT_TRUE(write_file(inventory, text));
    auto words = run_words(more);
    *std::ranges::find(words, lab_->inventory().string()) = inventory;
    return words;
  }
  int code_ = -1;
};

/// Only the first of the two cases has a kernel B.
TEST_F(MetalFaults, APanicOfKernelBIsSeenAtOnce) {
  Process run = program_.start(run_words({"--next-append", "rdinit=/nonexistent init=/nonexistent"}));
  ASSERT_TRUE(comes_to(kHit, "wait"));
  const auto began = Deadline::Clock::now();
  ASSERT_TRUE(program_.wait_for_journal([](const std::string& journal) {
    return journal.find("case-settled") != std::string::npos;
  })) << said();
  // The deadline of that phase is at three minutes.
  EXPECT_LT(Deadline::Clock::now() - began, std::chrono::seconds(60));
  EXPECT_EQ(end_of(run), 1) << said();
  EXPECT_EQ(report_of(kHitReport).type, "kernel.panic") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, AHangOfKernelBIsAHang) {
  run({"--timeout-scale", "0.4", "--next-append", kSilentEnd});
  EXPECT_EQ(code_, 1) << said();
  EXPECT_EQ(report_of(kHitReport).type, "kernel.hang") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, ANetworkThatDoesNotComeUpIsNoHang) {
  run({"--timeout-scale", "0.4", "--next-append", "initcall_blacklist=virtio_net_driver_init"});
  EXPECT_EQ(code_, 2) << said();
  const CaseReport report = report_of(kHitReport);
  EXPECT_EQ(report.type, "lab.link") << report.message;
  EXPECT_THAT(report.message, HasSubstr("no interface has the address"));
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, ACutCableInAPhaseIsTheLabs) {
  Process run = run_until_load_breaks({"network", "down"});
  EXPECT_TRUE(fault({"network", "up"}).status.success());
  EXPECT_EQ(end_of(run), 2) << said();
  const CaseReport report = report_of(kHitReport);
  EXPECT_EQ(report.type, "lab.link") << report.message;
  EXPECT_THAT(report.message, HasSubstr("its agent waits"));
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

/// The network is as silent as when it is cut, but so is the console.
TEST_F(MetalFaults, ASilentHangInAPhaseIsTheKernels) {
  Process run = run_until_load_breaks({"frozen", "on"});
  EXPECT_TRUE(fault({"frozen", "off"}).status.success());
  EXPECT_EQ(end_of(run), 1) << said();
  EXPECT_EQ(report_of(kHitReport).type, "kernel.hang") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

/// A login then takes 18 s, more than a first try may, and each command some seconds.
TEST_F(MetalFaults, ASlowSshdIsWaitedFor) {
  EXPECT_TRUE(fault({"slow-network", "1000"}).status.success());
  Process run = program_.start(run_words({"--timeout-scale", "2"}));
  EXPECT_TRUE(is_told({"case-settled"}));
  EXPECT_TRUE(fault({"slow-network", "off"}).status.success());
  EXPECT_EQ(end_of(run), 0) << said();
  EXPECT_EQ(report_of(kHitReport).verdict, "passed") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, ControllerThatWasKilledIsFollowedAtOnce) {
  Process run = program_.start(run_words());
  ASSERT_TRUE(comes_to(kHit, "wait"));
  const auto family = descendants_of(run.pid());
  ::kill(run.pid(), SIGKILL);
  EXPECT_TRUE(all_gone(family));
  end_of(run);
  EXPECT_EQ(state(), "stale");
  EXPECT_FALSE(at_home());

  Process again = program_.start(run_words({}, kNext));
  EXPECT_EQ(end_of(again), 0) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  EXPECT_THAT(said(), HasSubstr("pid " + std::to_string(run.pid())));
}

TEST_F(MetalFaults, PowerOffBySomebodyElseIsTheLabsAndTriedAgain) {
  Process run = program_.start(run_words({"--retry-infra", "1"}));
  ASSERT_TRUE(comes_to(kHit, "load"));
  EXPECT_TRUE(fault({"power", "off"}).status.success());
  EXPECT_EQ(end_of(run), 0) << said();
  EXPECT_THAT(program_.journal(), HasSubstr("lab.powered-off"));
  EXPECT_THAT(program_.journal(), Not(HasSubstr("\"type\":\"kernel.")));
  EXPECT_EQ(report_of(kHitReport).verdict, "passed") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, BmcThatIsAwayForAWhileIsWaitedFor) {
  Process run = program_.start(run_words());
  ASSERT_TRUE(comes_to(kHit, "wait"));
  EXPECT_TRUE(fault({"bmc-away", "30"}).status.success());
  EXPECT_EQ(end_of(run), 0) << said();
  EXPECT_EQ(report_of(kHitReport).verdict, "passed") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

TEST_F(MetalFaults, ConsoleThatWasStolenIsTakenBack) {
  Process run = program_.start(run_words());
  ASSERT_TRUE(comes_to(kHit, "load"));
  const Process thief = lab_->start_fault({"steal-sol", "15"});
  EXPECT_EQ(end_of(run), 0) << said();
  EXPECT_EQ(report_of(kHitReport).verdict, "passed") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  const std::string text = said();
  const size_t first = text.find("console open");
  ASSERT_NE(first, std::string::npos) << text;
  EXPECT_NE(text.find("console open", first + 1), std::string::npos) << text;
}

TEST_F(MetalFaults, AnotherMachineIsLeftAlone) {
  const auto boot_id = [] { return lab_->ssh("cat /proc/sys/kernel/random/boot_id").out; };
  const std::string before = boot_id();
  lab_->ssh("rm -rf /var/tmp/holdfast");
  std::string text = *read_file(lab_->inventory());
  const size_t at = text.find("host_key = \"ssh-ed25519 ");
  ASSERT_NE(at, std::string::npos);
  const auto other = read_file(lab_->folder() / "id_ed25519.pub");
  ASSERT_TRUE(other);
  text.replace(at, text.find('\n', at) - at, "host_key = \"" + other->substr(0, other->find(' ', 12)) + "\"");
  Process run = program_.start(words_with("wrong-key.toml", text, {"--retry-infra", "1"}));
  EXPECT_EQ(end_of(run), 2) << said();
  for (const char* name : {kHitReport, kNextReport}) {
    EXPECT_EQ(report_of(name).type, "lab.host-key") << report_of(name).message;
  }
  EXPECT_EQ(state(), "free");
  EXPECT_EQ(boot_id(), before);
  EXPECT_FALSE(lab_->ssh("test -e /var/tmp/holdfast").status.success());
  EXPECT_THAT(program_.journal(), Not(HasSubstr("\"recovery\"")));
}

/// Kernel B's verdict needs no BMC. What leads out of it does, and says why it does not.
TEST_F(MetalFaults, BmcThatRefusesChangesNoVerdict) {
  Process run = program_.start(run_words({"--timeout-scale", "0.4", "--next-append", kSilentEnd}));
  ASSERT_TRUE(comes_to(kHit, "wait"));
  EXPECT_TRUE(fault({"bmc-refuse", "on"}).status.success());
  EXPECT_TRUE(was_no_help("way home by chassis reset"));
  EXPECT_TRUE(was_no_help("chassis reset"));
  EXPECT_TRUE(fault({"bmc-refuse", "off"}).status.success());
  EXPECT_EQ(end_of(run), 1) << said();
  EXPECT_EQ(report_of(kHitReport).type, "kernel.hang") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  const std::string text = said();
  for (const char* rung : {": ssh reboot,", ": sysrq,", ": chassis reset (", ": power cycle ("}) {
    EXPECT_THAT(text, HasSubstr(std::string("recovery of metal-1") + rung));
  }
  EXPECT_THAT(text, HasSubstr("it answers"));
}

/// Its reset is believed for as long as it takes to see that the test kernel is still there.
TEST_F(MetalFaults, BmcThatLiesIsFoundOut) {
  Process run = program_.start(run_words());
  ASSERT_TRUE(comes_to(kHit, "wait"));
  EXPECT_TRUE(fault({"bmc-lie", "on"}).status.success());
  EXPECT_TRUE(was_no_help("chassis reset"));
  EXPECT_TRUE(fault({"bmc-lie", "off"}).status.success());
  EXPECT_EQ(end_of(run), 0) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  EXPECT_THAT(said(), HasSubstr("power cycle")) << "the rung that helped";
}

/// Neither console nor power switch: out of a test kernel nothing leads back.
TEST_F(MetalFaults, WhatNothingBringsBackIsInQuarantineUntilItIsHealed) {
  std::string text = *read_file(lab_->inventory());
  for (const auto& [begin, end] :
       {std::pair("[host.console]", "[[host.power]]"), {"[[host.power]]", "[[host.device]]"}}) {
    const size_t at = text.find(begin);
    ASSERT_NE(at, std::string::npos);
    text.erase(at, text.find(end, at) - at);
  }
  const auto words = words_with("ssh-only.toml", text);
  Process run = program_.start(words);
  EXPECT_EQ(end_of(run), 2) << said();
  EXPECT_EQ(report_of(kHitReport).verdict, "passed") << report_of(kHitReport).message;
  EXPECT_EQ(report_of(kNextReport).type, "lab.quarantined") << report_of(kNextReport).message;
  EXPECT_EQ(state(), "quarantined");

  Process again = program_.start(words);
  EXPECT_EQ(end_of(again), 2) << said();
  EXPECT_EQ(report_of(kHitReport).type, "lab.quarantined") << report_of(kHitReport).message;

  // With what the lab has, all of it.
  const Output healed = heal();
  EXPECT_EQ(healed.status.code, 0) << healed.out << healed.err;
  EXPECT_EQ(state(), "free");
}

}  // namespace
}  // namespace holdfast::e2e
