// When something goes wrong on a lab host, is it blamed on whom it should be, and is the host well again afterwards?
//
// Two suites, each with a host of its own, so that they can run side by side. MetalFaults: a case is hit and does not
// pass. MetalTroubles: what a run gets over. Each run goes on after what hits it, and its next case must pass; in a run
// with several faults that is the one that is hit next. Bench looks after each test that nothing is left behind.
#include <fmt/format.h>
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

/// A second case with a kexec.
constexpr const char* kHang = "LiveUpdate.MemfdKeepsItsBytes";

using ::testing::HasSubstr;
using ::testing::Not;

/// Of a case, as journals have it.
std::string name_of(std::string_view full) { return fmt::format("\"name\":\"{}\"", full.substr(full.find('.') + 1)); }

size_t times(std::string_view text, std::string_view word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

/// With another inventory than the lab's own.
std::vector<std::string> words_with(const fs::path& inventory, const std::string& text,
                                    std::vector<std::string> words) {
  EXPECT_TRUE(write_file(inventory, text));
  *(std::ranges::find(words, "--lab") + 1) = inventory;
  return words;
}

class MetalFaults : public Bench {};
class MetalTroubles : public Bench {
 protected:
  /// Leaves the host to a controller that dies while its test kernel runs; gives its process id.
  pid_t kill_in_test_kernel() {
    Process run = program_.start(run_words({}, kNext));
    EXPECT_TRUE(comes_to(kNext, "snapshot"));
    const auto family = descendants_of(run.pid());
    ::kill(run.pid(), SIGKILL);
    EXPECT_TRUE(all_gone(family));
    end_of(run);
    EXPECT_EQ(state(), "stale");
    EXPECT_FALSE(at_home());
    return run.pid();
  }
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

/// Kernel B's verdict needs no BMC. What leads out of it does, and says why it does not.
TEST_F(MetalFaults, AHangOfKernelBIsAHangAlsoWhenTheBmcRefuses) {
  Process run = program_.start(run_words({"--timeout-scale", "0.3", "--next-append", kSilentEnd}));
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

TEST_F(MetalFaults, ANetworkThatDoesNotComeUpIsNoHang) {
  Process run = program_.start(
      run_words({"--timeout-scale", "0.3", "--next-append", "initcall_blacklist=virtio_net_driver_init"}));
  EXPECT_EQ(end_of(run), 2) << said();
  const CaseReport report = report_of(kHitReport);
  EXPECT_EQ(report.type, "lab.link") << report.message;
  EXPECT_THAT(report.message, HasSubstr("no interface has the address"));
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
}

/// The first case's network is cut while kernel A takes kernel B, and its agent says on the console that it waits. In
/// the second the network is as silent, but so is the console. The third passes.
TEST_F(MetalFaults, ACutCableIsTheLabsAndASilentHangTheKernels) {
  const std::string kernels = fmt::format("{}:{}:{}", kHit, kHang, kThird);
  Process run = program_.start(run_words({"--timeout-scale", "0.3"}, kernels));
  ASSERT_TRUE(comes_to(kHit, "load"));
  EXPECT_TRUE(fault({"network", "down"}).status.success());
  EXPECT_TRUE(is_told({"case-settled", name_of(kHit)}));
  EXPECT_TRUE(fault({"network", "up"}).status.success());
  ASSERT_TRUE(comes_to(kHang, "load"));
  EXPECT_TRUE(fault({"frozen", "on"}).status.success());
  EXPECT_TRUE(is_told({"case-settled", name_of(kHang)}));
  EXPECT_TRUE(fault({"frozen", "off"}).status.success());
  EXPECT_EQ(end_of(run), 1) << said();
  const CaseReport cut = report_of(kHitReport);
  EXPECT_EQ(cut.type, "lab.link") << cut.message;
  EXPECT_THAT(cut.message, HasSubstr("its agent waits"));
  EXPECT_EQ(report_of(kHang).type, "kernel.hang") << report_of(kHang).message;
  EXPECT_EQ(report_of(kThirdReport).verdict, "passed") << report_of(kThirdReport).message;
}

/// One run, and what hits it: somebody switches the host off; then the BMC says that it resets the host, and does not;
/// then it is away for 30 s; then somebody else takes the console. All cases pass, the first when it is tried again.
TEST_F(MetalTroubles, ARunGetsOverWhatOthersDo) {
  const auto phase = [](const char* name) { return fmt::format("\"phase\":\"{}\"", name); };
  const std::string all = fmt::format("{}:{}:{}:{}", kHit, kNext, kThird, kFourth);
  Process run = program_.start(run_words({"--retry-infra", "1"}, all));
  ASSERT_TRUE(comes_to(kHit, "load"));
  EXPECT_TRUE(fault({"power", "off"}).status.success());
  EXPECT_TRUE(is_told({"attempt-ended", name_of(kHit), "\"type\":\"lab.powered-off\""}));

  // Believed for as long as it takes to see that the test kernel is still there.
  ASSERT_TRUE(is_told({"phase-started", phase("wait"), name_of(kHit), "\"attempt\":2"}));
  EXPECT_TRUE(fault({"bmc-lie", "on"}).status.success());
  EXPECT_TRUE(was_no_help("chassis reset"));
  EXPECT_TRUE(fault({"bmc-lie", "off"}).status.success());

  ASSERT_TRUE(comes_to(kNext, "snapshot"));
  EXPECT_TRUE(fault({"bmc-away", "30"}).status.success());

  ASSERT_TRUE(comes_to(kThird, "boot"));
  const size_t opened = times(said(), "console open");
  const Process thief = lab_->start_fault({"steal-sol", "15"});
  EXPECT_EQ(end_of(run), 0) << said();

  for (const char* name : {kHitReport, kNextReport, kThirdReport, kFourthReport}) {
    EXPECT_EQ(report_of(name).verdict, "passed") << name << ": " << report_of(name).message;
  }
  EXPECT_THAT(program_.journal(), Not(HasSubstr("\"type\":\"kernel.")));
  EXPECT_TRUE(fs::exists(lab_->host_folder() / "thief.log"));
  EXPECT_GT(times(said(), "console open"), opened) << "it was not taken back";
  EXPECT_THAT(said(), HasSubstr(": power cycle (IPMI")) << "the rung that helped when the BMC lied";
}

/// A login then takes 18 s, more than a first try may, and each command some seconds.
TEST_F(MetalTroubles, ASlowSshdIsWaitedFor) {
  EXPECT_TRUE(fault({"slow-network", "1000"}).status.success());
  Process run = program_.start(run_words({"--timeout-scale", "2"}, fmt::format("{}:{}", kNext, kThird)));
  EXPECT_TRUE(is_told({"case-settled", name_of(kNext)}));
  EXPECT_TRUE(fault({"slow-network", "off"}).status.success());
  EXPECT_EQ(end_of(run), 0) << said();
  for (const char* name : {kNextReport, kThirdReport}) {
    EXPECT_EQ(report_of(name).verdict, "passed") << name << ": " << report_of(name).message;
  }
}

TEST_F(MetalTroubles, ControllerThatWasKilledIsFollowedAtOnce) {
  const pid_t killed = kill_in_test_kernel();
  Process again = program_.start(run_words({}, kNext));
  EXPECT_EQ(end_of(again), 0) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  EXPECT_THAT(said(), HasSubstr("pid " + std::to_string(killed)));
}

/// Its test kernel has a host key of its own: a look must not take what says so away.
TEST_F(MetalTroubles, CheckBringsHomeWhatAKilledControllerLeft) {
  kill_in_test_kernel();
  const Output look = program_.run({"check", "--lab", lab_->inventory()}, Millis(300'000));
  EXPECT_EQ(look.status.code, 2) << look.out << look.err;
  EXPECT_THAT(look.out, HasSubstr("held by a process that is gone"));
  EXPECT_EQ(program_.run({"check", "--clean"}, Millis(300'000)).status.code, 0);
  EXPECT_EQ(state(), "stale");

  const Output clean = program_.run({"check", "--clean", "--lab", lab_->inventory()}, Millis(600'000));
  EXPECT_EQ(clean.status.code, 0) << clean.out << clean.err;
  EXPECT_THAT(clean.out, HasSubstr("brought back to its own system"));
  EXPECT_TRUE(at_home());
  EXPECT_EQ(state(), "free");
}

TEST_F(MetalTroubles, AnotherMachineIsLeftAlone) {
  const auto boot_id = [] { return lab_->ssh("cat /proc/sys/kernel/random/boot_id").out; };
  const std::string before = boot_id();
  lab_->ssh("rm -rf /var/tmp/holdfast");
  std::string text = *read_file(lab_->inventory());
  const size_t at = text.find("host_key = \"ssh-ed25519 ");
  ASSERT_NE(at, std::string::npos);
  const auto other = read_file(lab_->folder() / "id_ed25519.pub");
  ASSERT_TRUE(other);
  text.replace(at, text.find('\n', at) - at, "host_key = \"" + other->substr(0, other->find(' ', 12)) + "\"");
  Process run = program_.start(words_with(lab_->folder() / "wrong-key.toml", text, run_words({"--retry-infra", "1"})));
  EXPECT_EQ(end_of(run), 2) << said();
  for (const char* name : {kHitReport, kNextReport}) {
    EXPECT_EQ(report_of(name).type, "lab.host-key") << report_of(name).message;
  }
  EXPECT_EQ(state(), "free");
  EXPECT_EQ(boot_id(), before);
  EXPECT_FALSE(lab_->ssh("test -e /var/tmp/holdfast").status.success());
  EXPECT_THAT(program_.journal(), Not(HasSubstr("\"recovery\"")));
}

/// Neither console nor power switch: out of a test kernel nothing leads back.
TEST_F(MetalTroubles, WhatNothingBringsBackIsInQuarantineUntilItIsHealed) {
  std::string text = *read_file(lab_->inventory());
  for (const auto& [begin, end] :
       {std::pair("[host.console]", "[[host.power]]"), {"[[host.power]]", "[[host.device]]"}}) {
    const size_t at = text.find(begin);
    ASSERT_NE(at, std::string::npos);
    text.erase(at, text.find(end, at) - at);
  }
  const auto words =
      words_with(lab_->folder() / "ssh-only.toml", text, run_words({}, fmt::format("{}:{}", kNext, kThird)));
  Process run = program_.start(words);
  EXPECT_EQ(end_of(run), 2) << said();
  EXPECT_EQ(report_of(kNextReport).verdict, "passed") << report_of(kNextReport).message;
  EXPECT_EQ(report_of(kThirdReport).type, "lab.quarantined") << report_of(kThirdReport).message;
  EXPECT_EQ(state(), "quarantined");

  Process again = program_.start(words);
  EXPECT_EQ(end_of(again), 2) << said();
  EXPECT_EQ(report_of(kNextReport).type, "lab.quarantined") << report_of(kNextReport).message;

  // With what the lab has, all of it.
  const Output healed = heal();
  EXPECT_EQ(healed.status.code, 0) << healed.out << healed.err;
  EXPECT_EQ(state(), "free");
}

}  // namespace
}  // namespace holdfast::e2e
