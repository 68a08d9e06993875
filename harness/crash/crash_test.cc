// Is every crash of a kernel found, once, under the right name, and nothing else taken for one?
//
// fixtures/consoles: "recorded-" are consoles of real kernels, 7.3 under an emulator, crashed on purpose by a module;
// "written-" are texts in the kernel's format for what cannot be had so easily.
#include "harness/crash/crash.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/file.h"
#include "tools/ctest/places.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string console(const std::string& name) {
  const auto text = read_file(source_dir() / "fixtures" / "consoles" / name);
  EXPECT_TRUE(text) << name;
  return text ? *text : "";
}

std::vector<std::string> fingerprints(std::string_view log, std::vector<LogMark> marks = {}) {
  std::vector<std::string> result;
  for (const CrashFinding& f : find_crashes(log, std::move(marks))) result.push_back(f.fingerprint);
  return result;
}

std::vector<std::string> kinds(std::string_view log) {
  std::vector<std::string> result;
  for (const CrashFinding& f : find_crashes(log)) result.push_back(f.kind);
  return result;
}

// --- whole consoles -------------------------------------------------------------------------------------------------

struct ConsoleCase {
  std::string file;
  std::vector<std::string> expected;
};

class CrashConsole : public testing::TestWithParam<ConsoleCase> {};

TEST_P(CrashConsole, GivesExactlyTheFingerprintsExpected) {
  // Where the old kernel says that it leaves, a kexec was asked for.
  const std::string log = console(GetParam().file);
  std::vector<LogMark> marks;
  if (const size_t kexec = log.find("kexec_core: Starting new kernel"); kexec != std::string::npos) {
    marks.push_back({.offset = kexec, .phase = "kexec", .start = LogMark::Start::kKexec});
  }
  EXPECT_THAT(fingerprints(log, marks), ElementsAreArray(GetParam().expected));
}

const ConsoleCase kConsoles[] = {
    {"recorded-clean-kexec.log", {}},
    {"written-look-alikes.log", {}},
    {"recorded-oops-null-pointer.log", {"oops: hc_null < do_one_initcall < do_init_module"}},
    {"recorded-oops-general-protection.log", {"oops: hc_gpf < do_one_initcall < do_init_module"}},
    {"recorded-oops-nx-page.log", {"oops: hc_init < do_one_initcall < do_init_module"}},
    {"recorded-bug.log", {"bug: hc_bug < do_one_initcall < do_init_module"}},
    {"recorded-scheduling-while-atomic.log",
     {"bug: hc_atomic < hc_init < do_one_initcall", "warn: do_one_initcall < do_init_module < load_module"}},
    {"recorded-two-warnings.log",
     {"warn: hc_warn < do_one_initcall < do_init_module", "warn: hc_warnmsg < hc_init < do_one_initcall"}},
    {"recorded-oops-then-panic.log",
     {"oops: hc_null < do_one_initcall < do_init_module", "panic: Kernel panic - not syncing: Fatal exception"}},
    {"recorded-warn-then-panic.log",
     {"warn: hc_warn < do_one_initcall < do_init_module", "panic: hc_warn < do_one_initcall < do_init_module"}},
    {"recorded-panic-sysrq.log", {"panic: sysrq_handle_crash < __handle_sysrq < write_sysrq_trigger"}},
    {"recorded-panic-init-exited.log", {"panic: do_exit < do_group_exit < __x64_sys_exit_group"}},
    {"recorded-panic-no-root.log", {"panic: mount_root_generic < mount_root < prepare_namespace"}},
    {"recorded-panic-then-firmware.log",
     {"panic: hc_panic < hc_init < do_one_initcall", "firmware: SeaBIOS (version N.N.N-debian-N.N.N-N)",
      "panic: hc_panic < hc_init < do_one_initcall"}},
    {"recorded-hung-task.log",
     {"hung-task: hc_hung < hc_init < do_one_initcall", "hung-task: hc_hung < hc_init < do_one_initcall"}},
    {"recorded-soft-lockup.log",
     {"soft-lockup: stop_machine_yield < cpu_stopper_thread < smpboot_thread_fn",
      "soft-lockup: hc_soft < hc_init < do_one_initcall"}},
    {"written-interleaved-cpus.log",
     {"oops: beta_read < beta_ioctl < __x64_sys_ioctl", "warn: alpha_check < alpha_poll < alpha_thread",
      "panic: Kernel panic - not syncing: Fatal exception"}},
    // Without callers the frames of two CPUs cannot be told apart, but the events can.
    {"written-interleaved-no-caller.log",
     {"oops: BUG: kernel NULL pointer dereference, address: N", "warn: alpha_check < beta_read < alpha_poll",
      "panic: Kernel panic - not syncing: Fatal exception"}},
    {"written-hard-lockup.log",
     {"hard-lockup: beta_spin < beta_irqs_off < beta_ioctl", "rcu-stall: alpha_poll_forever < alpha_read < vfs_read",
      "hard-lockup: gamma_spin < gamma_ioctl < __x64_sys_ioctl", "panic: Kernel panic - not syncing: Hard LOCKUP"}},
    {"written-rcu-stall.log",
     {"rcu-stall: delta_wait_for_idle < delta_freeze < delta_shutdown", "rcu-stall: epsilon_hold"}},
    {"recorded-second-banner.log", {"reset: the kernel started anew, unasked and without firmware"}},
    {"written-log-printed-twice.log", {}},
    {"recorded-early-boot-wrong-cpu.log",
     {"early-boot: Unable to boot - please use a kernel appropriate for your CPU."}},
    {"written-early-boot-decompressor.log", {"early-boot: N-compressed data is corrupt -- System halted"}},
    {"written-early-boot-exception.log", {"early-boot: zeta_early_init < setup_arch < start_kernel"}},
    {"written-kasan.log", {"kasan: demo_release < __fput < fput_close_sync", "oops: demo_release"}},
    {"written-lockdep.log",
     {"lockdep: __mutex_lock < second_take < agent_ioctl", "lockdep: __mutex_lock < uninitialised_take"}},
};

INSTANTIATE_TEST_SUITE_P(Fixtures, CrashConsole, testing::ValuesIn(kConsoles), [](const auto& one) {
  std::string name = one.param.file.substr(0, one.param.file.size() - 4);
  std::ranges::replace(name, '-', '_');
  return name;
});

// --- single messages ------------------------------------------------------------------------------------------------

struct MessageCase {
  std::string_view kind;  ///< empty: a message that is no crash
  std::string_view text;
};

class CrashMessage : public testing::TestWithParam<MessageCase> {};

TEST_P(CrashMessage, IsFoundUnderItsKindOrNotAtAll) {
  const auto& [kind, text] = GetParam();
  const auto found =
      find_crashes(fmt::format("[    1.000000] before\n[   12.345678] {}\n[   12.345679] after\n", text));
  if (kind.empty()) {
    EXPECT_THAT(found, IsEmpty()) << text;
  } else {
    ASSERT_THAT(found, SizeIs(1)) << text;
    EXPECT_EQ(found[0].kind, kind) << text;
    EXPECT_THAT(found[0].excerpt, HasSubstr("before\n"));
    EXPECT_EQ(found[0].offset, 22U);
  }
}

const MessageCase kMessages[] = {
    {"panic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"},
    {"", "---[ start Kernel panic - not syncing"},
    {"", "Rebooting in 1 seconds.. Kernel panic - not syncing: is what it was"},
    {"early-boot", " -- System halted"},
    {"early-boot", "Unable to boot - please use a kernel appropriate for your CPU."},
    {"", "reboot: System halted"},
    {"oops", "BUG: kernel NULL pointer dereference, address: 0000000000000010"},
    {"oops", "BUG: unable to handle page fault for address: ffffe8fff1234567"},
    {"oops", "BUG: unable to handle kernel paging request at ffffe8fff1234567"},
    {"oops", "BUG: TASK stack guard page was hit at 00000000e2b2f36a (stack is 0000..0000)"},
    {"oops", "BUG: invalid or fatal FRED event; event type 3 vector 14"},
    {"oops", "Oops: general protection fault, probably for non-canonical address 0xdead4ead00000000: 0000 [#1] SMP"},
    {"oops", "Oops: 0002 [#3] PREEMPT SMP NOPTI"},
    {"", "Oops: we will try again"},
    {"oops", "general protection fault: 0000 [#1] SMP PTI"},
    {"", "traps: a.out[1234] general protection fault ip:55 sp:7f error:0 in a.out[55+1000]"},
    {"oops", "invalid opcode: 0000 [#1] SMP"},
    {"", "traps: a.out[1234] trap invalid opcode ip:55 sp:7f error:0"},
    {"oops", "divide error: 0000 [#1] SMP"},
    {"oops", "double fault: 0000 [#1] SMP"},
    {"oops", "stack segment: 0000 [#1] SMP"},
    {"oops", "int3: 0000 [#1] SMP"},
    {"oops", "traps: PANIC: double fault, error_code: 0x0"},
    {"early-boot", "PANIC: early exception 0x0e IP 10:ffffffff81234567 error 0 cr2 0x10"},
    {"oops", "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010"},
    {"oops", "Internal error: Oops: 0000000096000004 [#1] SMP"},
    {"", "Internal error: the firmware said no"},
    {"bug", "kernel BUG at mm/slub.c:5000!"},
    {"", "report this kernel BUG at the address below"},
    {"bug", "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580"},
    {"bug", "BUG: scheduling while atomic: agent/31/0x00000002"},
    {"bug", "BUG: Bad page state in process agent  pfn:12345"},
    {"bug", "BUG: spinlock bad magic on CPU#0, agent/31"},
    {"bug", "BUG: using smp_processor_id() in preemptible [00000000] code: agent/31"},
    {"bug", "BUG kmalloc-64 (Not tainted): Poison overwritten"},
    {"", "DEBUG: nothing"},
    {"", "ACPI BIOS Error (bug): Failure creating named object"},
    {"kasan", "BUG: KASAN: slab-out-of-bounds in demo+0x10/0x20"},
    {"", "kasan: KernelAddressSanitizer initialized"},
    {"kmsan", "BUG: KMSAN: uninit-value in demo+0x10/0x20"},
    {"kcsan", "BUG: KCSAN: data-race in reader / writer"},
    {"", "kcsan: enabled early"},
    {"kfence", "BUG: KFENCE: use-after-free read in demo+0x10/0x20"},
    {"", "kfence: initialized - using 2097152 bytes"},
    {"ubsan", "UBSAN: array-index-out-of-bounds in drivers/a/b.c:10:20"},
    {"", "UBSAN: enabled"},
    {"hung-task", "INFO: task agent:31 blocked for more than 120 seconds."},
    {"hung-task", "INFO: task agent:31 blocked in I/O wait for more than 120 seconds."},
    {"", "INFO: task agent:31 is blocked on a mutex likely owned by task init:1."},
    {"soft-lockup", "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [agent:31]"},
    {"soft-lockup", "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!"},
    {"hard-lockup", "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 1"},
    {"hard-lockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 0"},
    {"", "NMI watchdog: Perf NMI watchdog permanently disabled"},
    {"", "watchdog: Delayed init of the lockup detector failed: -19"},
    {"rcu-stall", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
    {"rcu-stall", "rcu: INFO: rcu_sched self-detected stall on CPU"},
    {"rcu-stall", "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D }"},
    {"rcu-stall", "INFO: rcu_tasks detected stalls on tasks:"},
    {"", "rcu: RCU CPU stall warnings timeout set to 21 (rcu_cpu_stall_timeout)."},
    {"lockdep", "WARNING: possible recursive locking detected"},
    {"lockdep", "WARNING: possible circular locking dependency detected"},
    {"lockdep", "WARNING: possible irq lock inversion dependency detected"},
    {"lockdep", "WARNING: inconsistent lock state"},
    {"lockdep", "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected"},
    {"lockdep", "WARNING: suspicious RCU usage"},
    {"lockdep", "WARNING: held lock freed!"},
    {"lockdep", "WARNING: bad unlock balance detected!"},
    {"lockdep", "WARNING: agent/31 still has locks held!"},
    {"lockdep", "WARNING: lock held when returning to user space!"},
    {"lockdep", "[ BUG: Invalid wait context ]"},
    {"lockdep", "[ INFO: possible recursive locking detected ]"},
    {"lockdep", "INFO: trying to register non-static key."},
    {"lockdep", "DEBUG_LOCKS_WARN_ON(depth <= 0)"},
    {"", "INFO: lockdep is turned off."},
    {"warn", "WARNING: drivers/pci/msi/msi.c:100 at demo+0x10/0x20, CPU#0: agent/31"},
    {"warn", "WARNING: at demo+0x10/0x20 [demo], CPU#3: agent/31"},
    {"warn", "WARNING: CPU: 0 PID: 31 at drivers/pci/msi/msi.c:100 demo+0x10/0x20"},
    {"", "WARNING: polling idle and HT enabled, performance may degrade"},
    {"", "Spectre V2 : WARNING: LFENCE mitigation is not recommended for this CPU, data leaks possible!"},
    {"warn", "unchecked MSR access error: RDMSR from 0x10 at rIP: 0xffffffff81234567 (demo+0x10/0x20)"},
    {"", "msr: Write to unrecognized MSR 0x10 by agent"},
    {"warn", "irq 16: nobody cared (try booting with the \"irqpoll\" option)"},
    {"", "irq 16: Affinity broken due to vector space exhaustion."},
    {"", "Call Trace:"},
    {"", "RIP: 0010:demo+0x10/0x20"},
    {"", "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 5: be00000000800400"},
};

INSTANTIATE_TEST_SUITE_P(Kernel, CrashMessage, testing::ValuesIn(kMessages));

// --- damaged and mixed logs -----------------------------------------------------------------------------------------

TEST(FindCrashes, SeesThroughWhatAConsoleAdds) {
  constexpr std::string_view kPanic = "Kernel panic - not syncing: demo";
  for (const std::string& line : {
           std::string("[   12.345678] Kernel panic - not syncing: demo\r\n"),
           std::string("Kernel panic - not syncing: demo\n"),
           std::string("<0>[   12.345678] Kernel panic - not syncing: demo"),
           std::string("[   12.345678][    T1] Kernel panic - not syncing: demo\n"),
           std::string("[12345.345678][  C127] Kernel panic - not syncing: demo\n"),
           std::string("0,412,12345678,-,caller=T1;Kernel panic - not syncing: demo\n"),
           std::string("\x1b[31m[   12.345678]\x1b[0m \x1b[1;31mKernel pa\x1b[0mnic - not syncing: demo\x1b[K\n"),
           std::string("[   12.345678] Kernel\0 panic - not syncing:\0 demo\n", 50),
           std::string("loading 10%\rloading 99%\r[   12.345678] Kernel panic - not syncing: demo\n"),
           std::string("user space had not ended its line[   12.345678] Kernel panic - not syncing: demo\n"),
           std::string("dots.....<0>[   12.345678] Kernel panic - not syncing: demo\n"),
           std::string("\xff\xfe\x80[   12.345678] Kernel panic - not syncing: demo\n"),
       }) {
    const auto found = find_crashes(line);
    ASSERT_THAT(found, SizeIs(1)) << line;
    EXPECT_EQ(found[0].title, kPanic) << line;
  }
}

TEST(FindCrashes, FindsAPanicWhoseFirstLineWasLost) {
  const auto found =
      find_crashes("login: roKernel panic - not syncing: demo\n---[ end Kernel panic - not syncing: demo ]---\n");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].title, "Kernel panic - not syncing: demo");
  EXPECT_THAT(kinds("[    1.000000] Kernel panic - not syncing: demo\n[    1.000001] ---[ end Kernel panic - not "
                    "syncing: demo ]---\n"),
              ElementsAre("panic"));
}

TEST(FindCrashes, KeepsFramesOfInterleavedCpusApart) {
  const auto found = find_crashes(console("written-interleaved-cpus.log"));
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_THAT(found[0].excerpt, Not(HasSubstr("alpha")));
  EXPECT_THAT(found[1].excerpt, Not(HasSubstr("beta")));
  EXPECT_THAT(found[1].excerpt, StartsWith("------------[ cut here ]"));
}

TEST(FindCrashes, CountsASecondOopsAsAnotherEvent) {
  EXPECT_THAT(kinds("[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
                    "[    1.000001] Oops: Oops: 0000 [#1] SMP\n"
                    "[    1.000002] Oops: Oops: 0000 [#2] SMP\n"),
              ElementsAre("oops", "oops"));
}

TEST(FindCrashes, TakesUserSpaceWordsForNothing) {
  EXPECT_THAT(kinds("[    1.000000] up\nBUG: in the agent's own log\n"), IsEmpty());
  EXPECT_THAT(kinds("[    1.000000] up\n[    1.000001] BUG: in the kernel's log\n"), ElementsAre("bug"));
}

TEST(FindCrashes, TakesFirmwareForACrashOnlyAfterAKernel) {
  EXPECT_THAT(
      kinds("SeaBIOS (version 1.16.2)\niPXE (http://ipxe.org)\nBooting from ROM..\n[    0.000000] Linux version 7.3\n"),
      IsEmpty());
  EXPECT_THAT(kinds("[    0.000000] Linux version 7.3\nSeaBIOS (version 1.16.2)\nBooting from ROM..\n"),
              ElementsAre("firmware"));
  // A quiet kernel says nothing at all; firmware that comes twice was reset all the same.
  EXPECT_THAT(
      kinds("SeaBIOS (version 1.16.2)\nBooting from ROM..\nready\nSeaBIOS (version 1.16.2)\nBooting from ROM..\n"),
      ElementsAre("firmware"));
}

TEST(FindCrashes, GivesTheSameFingerprintWhateverAddressesCpusAndTimesSay) {
  std::string one = console("recorded-oops-null-pointer.log");
  std::string other = one;
  const auto replace_all = [&](std::string_view from, std::string_view to) {
    for (size_t at = other.find(from); at != std::string::npos; at = other.find(from, at + to.size())) {
      other.replace(at, from.size(), to);
    }
  };
  replace_all("[    0.", "[ 9911.");
  replace_all("hc_null+0x", "hc_null.constprop.0+0x7");
  replace_all("[holdcrash]", "[holdcrash 4d53d8e1b5bd36f1]");
  replace_all("CPU: 1", "CPU: 77");
  replace_all("PID: 41", "PID: 4711");
  replace_all("ff11", "ff23");
  ASSERT_NE(one, other);
  EXPECT_EQ(fingerprints(one), fingerprints(other));
  replace_all("hc_null", "hc_other");
  EXPECT_NE(fingerprints(one), fingerprints(other));
}

TEST(FindCrashes, SurvivesALogThatIsCutAnywhere) {
  for (const char* name :
       {"recorded-oops-then-panic.log", "written-interleaved-cpus.log", "recorded-panic-then-firmware.log"}) {
    const std::string whole = console(name);
    for (size_t length = 0; length <= whole.size(); length += 23) {
      const auto found = find_crashes(std::string_view(whole).substr(0, length));
      EXPECT_LE(found.size(), 3U);
      const auto rest = find_crashes(std::string_view(whole).substr(length));
      EXPECT_LE(rest.size(), 4U);  // one more when the cut parts a first line from its caller
    }
  }
}

TEST(FindCrashes, BoundsWhatAFloodCostsAndLosesNoOtherKind) {
  std::string flood;
  for (int i = 0; i < 2000; ++i) {
    flood += fmt::format("[{:5}.000000] WARNING: a.c:{} at same+0x{:x}/0x99, CPU#0: agent/{}\n", i, i, i, i);
    flood += fmt::format("[{:5}.000001] WARNING: a.c:1 at differs_{}+0x1/0x2, CPU#0: agent/1\n", i, i);
  }
  flood += "[99999.000000] Kernel panic - not syncing: at last\n";
  const auto found = find_crashes(flood);
  EXPECT_THAT(found, SizeIs(201));
  EXPECT_EQ(std::ranges::count(found, "warn: same", &CrashFinding::fingerprint), 10);
  EXPECT_EQ(found.back().kind, "panic");
  EXPECT_EQ(worst(found)->kind, "panic");
}

TEST(FindCrashes, KeepsExcerptsShortAndPrintable) {
  std::string log = "[    1.000000] Kernel panic - not syncing: \xff\xfe demo\n";
  for (int i = 0; i < 500; ++i) log += fmt::format("[    1.000001] {}\n", std::string(5000, 'x'));
  const auto found = find_crashes(log);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(std::ranges::count(found[0].excerpt, '\n'), 60);
  EXPECT_LT(found[0].excerpt.size(), 60U * 401U);
  EXPECT_EQ(found[0].title, "Kernel panic - not syncing: \\xff\\xfe demo");
}

TEST(Worst, PrefersWhatKilledTheKernelToAWarning) {
  const auto kind = [](const std::string& log) { return worst(find_crashes(console(log)))->kind; };
  EXPECT_EQ(kind("recorded-warn-then-panic.log"), "panic");
  EXPECT_EQ(kind("recorded-oops-then-panic.log"), "oops");
  EXPECT_EQ(kind("recorded-two-warnings.log"), "warn");
  EXPECT_FALSE(worst({}));
}

}  // namespace
}  // namespace holdfast
