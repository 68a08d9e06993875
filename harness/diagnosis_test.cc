// Is a failure given to the one who must act?
#include "harness/diagnosis.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace holdfast {
namespace {

const std::string kBooting = "[    0.000000] Linux version 7.3.0\n[    0.100000] Freeing memory\n";
const std::string kOops = kBooting +
                          "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
                          "[    1.000001] Oops: Oops: 0000 [#1] SMP\n";

const std::string kWarning = kBooting + "[    1.000000] WARNING: a.c:1 at alpha+0x1/0x2, CPU#0: agent/31\n";
const std::string kLockdep = kBooting + "[    1.000000] WARNING: suspicious RCU usage\n";

Error timeout() { return lab_error("timeout", "no agent within the deadline"); }
Error vm_killed() { return lab_error("vm-killed", "QEMU was killed by signal 9"); }
Error guest_reset() { return kernel_error("reset", "the guest reset itself"); }
Error refusal() {
  Error error = kernel_error("refused", "PRESERVE_FD: EBUSY");
  error.errnum = EBUSY;
  return error;
}

struct Row {
  const char* story;
  Error error;
  Circumstances circumstances;
  const char* type;
};

/// What judge() says with the console's findings, as a Scenario gives them.
Error judged_on(Error error, Circumstances circumstances) {
  circumstances.crashes = find_crashes(circumstances.console, {{0, "bind", LogMark::Start::kPowerOn, 0, 0}});
  return judge(std::move(error), circumstances);
}

class Judge : public testing::TestWithParam<Row> {};

TEST_P(Judge, BlamesTheRightOne) {
  const Error judged = judged_on(GetParam().error, GetParam().circumstances);
  EXPECT_EQ(judged.type(), GetParam().type) << GetParam().story << ": " << judged.what;
}

INSTANTIATE_TEST_SUITE_P(
    Stories, Judge,
    testing::Values(
        Row{"QEMU killed while the kernel booted", timeout(), {Phase::kBoot, vm_killed(), kBooting}, "lab.vm-killed"},
        Row{"QEMU killed after an oops: what killed it is not known",
            timeout(),
            {Phase::kWait, vm_killed(), kOops},
            "lab.vm-killed"},
        Row{"an oops, then silence", timeout(), {Phase::kKexec, {}, kOops}, "kernel.oops"},
        Row{"an oops, then a reset", timeout(), {Phase::kWait, guest_reset(), kOops}, "kernel.oops"},
        Row{"a reset without a word", timeout(), {Phase::kWait, guest_reset(), kBooting}, "kernel.reset"},
        Row{"the machine's own socket was closed",
            lab_error("vm-link", "closed at its other end"),
            {Phase::kPreserve, {}, kBooting},
            "lab.vm-link"},
        Row{"the agent ended with exit code 1",
            timeout(),
            {Phase::kVerify, guest_reset(),
             kBooting + "[    1.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n"},
            "harness.agent-ended"},
        Row{"the agent ended with exit code 1 after an oops",
            timeout(),
            {Phase::kVerify, guest_reset(),
             kOops + "[    1.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n"},
            "kernel.oops"},
        Row{"the agent died of a fault, which may be the kernel's",
            timeout(),
            {Phase::kVerify, guest_reset(),
             kBooting + "[    1.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n"},
            "kernel.panic"},
        Row{"kernel B hangs", timeout(), {Phase::kWait, {}, kBooting}, "kernel.hang"},
        Row{"kernel B never prints a byte", timeout(), {Phase::kWait, {}, ""}, "kernel.hang"},
        Row{"kernel A hangs", timeout(), {Phase::kBoot, {}, kBooting}, "kernel.hang"},
        Row{"not one byte from the machine", timeout(), {Phase::kBoot, {}, " \r\n"}, "lab.boot"},
        Row{"the agent is up, its link is not",
            timeout(),
            {Phase::kBoot, {}, kBooting + std::string(kAgentBanner) + ", boot_id 1\n"},
            "lab.link"},
        Row{"the agent runs, but its network does not come up",
            timeout(),
            {Phase::kWait, {}, kBooting + std::string(kAgentWords) + "no interface has the address 1\n"},
            "lab.link"},
        Row{"what the agent said before the kexec is no sign of life",
            timeout(),
            {Phase::kWait, {}, std::string(kAgentWords) + "x\nkexec_core: Starting new kernel\n" + kBooting},
            "kernel.hang"},
        Row{"no answer in mid-step", timeout(), {Phase::kPreserve, {}, ""}, "kernel.hang"},
        Row{"no answer, but on the console the agent says that it waits",
            timeout(),
            {.phase = Phase::kPreserve, .agent = Presence{.idle = true, .doing = "idle"}},
            "lab.link"},
        Row{"the same on the way to kernel B",
            timeout(),
            {.phase = Phase::kWait, .console = kBooting, .agent = Presence{.idle = true, .doing = "idle"}},
            "lab.link"},
        Row{"an agent that has begun, and does not come as far as its link",
            timeout(),
            {.phase = Phase::kBoot, .agent = Presence{.coming_up = true, .doing = "coming up"}},
            "lab.link"},
        Row{"the same with a kernel that said a word",
            timeout(),
            {.phase = Phase::kWait, .console = kBooting, .agent = Presence{.coming_up = true, .doing = "coming up"}},
            "lab.link"},
        Row{"an agent that does not come back from a module",
            timeout(),
            {.phase = Phase::kWait, .console = kBooting, .agent = Presence{.doing = "busy with module a for 60 s"}},
            "kernel.hang"},
        Row{"the agent answers on the console, and is stuck in the kernel",
            timeout(),
            {.phase = Phase::kPreserve, .agent = Presence{.doing = "busy with luo_preserve for 60 s"}},
            "kernel.hang"},
        Row{"an oops is the kernel's, whoever answers on the console",
            timeout(),
            {.phase = Phase::kPreserve, .console = kOops, .agent = Presence{.idle = true, .doing = "idle"}},
            "kernel.oops"},
        Row{"a refusal", refusal(), {Phase::kPreserve, {}, ""}, "kernel.refused"},
        Row{"a refusal that was an oops", refusal(), {Phase::kPreserve, {}, kOops}, "kernel.oops"},
        Row{"a warning explains no refusal", refusal(), {Phase::kPreserve, {}, kWarning}, "kernel.refused"},
        Row{"nor does lockdep", refusal(), {Phase::kPreserve, {}, kLockdep}, "kernel.refused"},
        Row{"a warning, then silence", timeout(), {Phase::kWait, {}, kWarning}, "kernel.hang"},
        Row{"a warning, then a reset", timeout(), {Phase::kWait, guest_reset(), kWarning}, "kernel.reset"},
        Row{"a warning, and the machine is gone", timeout(), {Phase::kWait, vm_killed(), kWarning}, "lab.vm-killed"},
        Row{"firmware came by", timeout(), {Phase::kWait, {}, kBooting + "SeaBIOS (version 1.16.2)\n"}, "kernel.reset"},
        Row{"the kernel started anew",
            timeout(),
            {Phase::kWait, {}, kBooting + "[    0.000000] Linux version 7.3.0\n[    0.200000] again\n"},
            "kernel.reset"},
        Row{"dead before its console was up",
            timeout(),
            {Phase::kWait, {}, "PANIC: early exception 0x0d IP 10:ffffffff81c2f1a0 error 0 cr2 0x0\n"},
            "kernel.early-boot"},
        Row{"a full disk is no hang", system_error("write x", ENOSPC), {Phase::kSnapshot, {}, ""}, "lab.io"},
        Row{"told to stop", harness_error("stopped", "stopped"), {Phase::kWait, vm_killed(), kOops}, "harness.stopped"},
        Row{"a skip stays a skip", cannot("no handler"), {Phase::kPreserve, {}, kOops}, "plan.cannot"}));

TEST(Judge, KeepsTheFirstErrorAndTheConsole) {
  const Error judged = judge(timeout(), {Phase::kWait, vm_killed(), kBooting});
  ASSERT_GE(judged.evidence.size(), 2U);
  EXPECT_EQ(judged.evidence[0].name, "first error");
  EXPECT_EQ(judged.evidence.back().name, "console");
  EXPECT_NE(judged.what.find("during wait"), std::string::npos);
}

std::string evidence_text(const Error& error, std::string_view name) {
  for (const Evidence& piece : error.evidence) {
    if (piece.name == name) return piece.text;
  }
  return "";
}

TEST(Judge, SaysInWhichPhaseAndKernelTheCrashFell) {
  const Error judged = judged_on(timeout(), {Phase::kWait, {}, kOops});
  EXPECT_NE(evidence_text(judged, "crash").find("kernel: A\nphase: bind\n"), std::string::npos);
  EXPECT_NE(judged.what.find("(kernel A, phase: bind)"), std::string::npos) << judged.what;
}

TEST(Judge, KeepsAWarningAsEvidenceOfWhateverElseFailed) {
  for (const Error& error : {refusal(), timeout()}) {
    const Error judged = judged_on(error, {Phase::kPreserve, {}, kWarning});
    EXPECT_NE(evidence_text(judged, "warning").find("WARNING: a.c:1 at alpha"), std::string::npos) << judged.what;
  }
}

TEST(Judge, GivesTheLastWordsOfAKernelThatDiedEarly) {
  EXPECT_NE(judged_on(timeout(), {Phase::kWait, {}, kBooting}).what.find("Freeing memory"), std::string::npos);
  const Error mute = judged_on(timeout(), {Phase::kWait, {}, ""});
  EXPECT_NE(mute.what.find("said nothing at all"), std::string::npos);
  EXPECT_NE(mute.hint.find("--next-append 'earlyprintk"), std::string::npos);
}

TEST(Judge, AdvisesAboutTheLinkThatTheAgentHas) {
  const auto of = [](const std::string& banner) {
    return judge(timeout(), {Phase::kWait, {}, kBooting + std::string(kAgentBanner) + banner});
  };
  const Error guest = of(", boot_id 1\n");
  EXPECT_NE(guest.hint.find("CONFIG_VIRTIO_CONSOLE"), std::string::npos) << guest.hint;
  const Error host = of(" at 192.0.2.7/24, boot_id 1\r\n");
  EXPECT_EQ(host.type(), "lab.link");
  EXPECT_NE(host.what.find("up at 192.0.2.7/24, but"), std::string::npos) << host.what;
  EXPECT_EQ(host.hint.find("VIRTIO"), std::string::npos) << host.hint;
  EXPECT_NE(host.hint.find("network between here and the host"), std::string::npos) << host.hint;
}

TEST(CrashError, IsOfTheWorstAndShowsEachFindingOnce) {
  EXPECT_FALSE(crash_error({}));
  const auto error = crash_error(find_crashes(kWarning + kOops.substr(kBooting.size())));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->type(), "kernel.oops");
  ASSERT_EQ(error->evidence.size(), 2U);
  EXPECT_EQ(error->evidence[0].name, "crash");
  EXPECT_EQ(error->evidence[1].name, "warning");
}

TEST(Judge, KeepsTheErrnoOfARefusal) { EXPECT_EQ(judge(refusal(), {Phase::kPreserve, {}, ""}).errnum, EBUSY); }

}  // namespace
}  // namespace holdfast
