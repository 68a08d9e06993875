// What becomes of a case whose kernels warned, crashed, or were meant to?
#include <gmock/gmock.h>

#include <cerrno>

#include "harness/scenario_test.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST_F(Steps, FailACaseWhoseKernelWarned) {
  FakeKernel next = kernel("two", "bbbb");
  next.log = "<4>[    1.000000] WARNING: drivers/pci/x.c:12 at pci_x+0x1/0x2, CPU#0: init/1\n";
  script(std::move(next));
  {
    ASSERT_TRUE(boot_and_kexec());
  }
  const auto closed = scenario_->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().type(), "kernel.warn");
}

TEST_F(Steps, FailACaseWhoseFirstKernelWarnedToo) {
  FakeKernel first = kernel("one", "aaaa");
  first.log = "<4>[    1.000000] WARNING: drivers/pci/x.c:12 at pci_x+0x1/0x2, CPU#0: init/1\n";
  script(std::move(first), kernel("two", "bbbb"));
  const Error error = closed_after_kexec();
  EXPECT_EQ(error.type(), "kernel.warn");
  EXPECT_THAT(error.what, HasSubstr("(kernel A, phase: boot to snapshot)"));
}

constexpr const char* kWarning = "[    1.000000] WARNING: drivers/pci/x.c:12 at pci_x+0x1/0x2, CPU#0: init/1\n";

TEST_F(Steps, CountAWarningOnceThatIsOnTheConsoleAndInTheLog) {
  FakeKernel next = kernel("two", "bbbb");
  next.console = kWarning;
  next.log = std::string("<4>") + kWarning;
  script(std::move(next));
  const Error error = closed_after_kexec();
  EXPECT_EQ(error.type(), "kernel.warn");
  // The log knows the kernel for certain, the console the phase.
  EXPECT_THAT(error.what, HasSubstr("(kernel B, phase: kexec)"));
  ASSERT_EQ(error.evidence.size(), 1U);
  EXPECT_THAT(error.evidence[0].text, HasSubstr("kernel: B\nphase: kexec\ntime: 1.000000 s"));
}

TEST_F(Steps, TellTheSameWarningOfBothKernelsApart) {
  FakeKernel first = kernel("one", "aaaa");
  FakeKernel next = kernel("two", "bbbb");
  first.console = next.console = kWarning;
  first.log = next.log = std::string("<4>") + kWarning;
  script(std::move(first), std::move(next));
  const Error error = closed_after_kexec();
  ASSERT_EQ(error.evidence.size(), 2U);
  EXPECT_THAT(error.evidence[0].text, HasSubstr("kernel: A\nphase: boot\n"));
  EXPECT_THAT(error.evidence[1].text, HasSubstr("kernel: B\nphase: kexec\n"));
}

TEST_F(Steps, TellAnAllowedWarningAndPass) {
  allowances_ = {{.kind = "warn", .title = "x.c:* at pci_x", .reason = "known", .source = "lab.toml:1:1"}};
  FakeKernel next = kernel("two", "bbbb");
  next.console = kWarning;
  next.log = std::string("<4>") + kWarning;
  script(std::move(next));
  {
    ASSERT_TRUE(boot_and_kexec());
  }
  EXPECT_TRUE(scenario_->close());
  ASSERT_EQ(events_.allowed.size(), 1U);
  EXPECT_EQ(events_.allowed[0].reason, "known");
  EXPECT_EQ(events_.allowed[0].phase, "kexec");
  EXPECT_THAT(scenario_->properties().at("allowed warning"), HasSubstr("pci_x+0x1/0x2, CPU#0: init/1 (known)"));
}

TEST_F(Steps, FailByAnotherWarningThanTheAllowedOne) {
  allowances_ = {{.kind = "warn", .title = "pci_y", .reason = "known", .source = "lab.toml:1:1"}};
  FakeKernel next = kernel("two", "bbbb");
  next.console = kWarning;
  script(std::move(next));
  EXPECT_EQ(closed_after_kexec().type(), "kernel.warn");
  EXPECT_TRUE(events_.allowed.empty());
}

TEST_F(Steps, TakeTheBannersOfKexecsForNothing) {
  FakeKernel first = kernel("one", "aaaa");
  FakeKernel next = kernel("two", "bbbb");
  first.console = "[    0.000000] Linux version 7.3.0\n[    0.300000] up\n";
  next.console = "[    0.000000] Linux version 7.3.0\n[    0.400000] up\n";
  script(std::move(first), std::move(next));
  {
    ASSERT_TRUE(boot_and_kexec());
    target_->print("[    9.000000] the agent is busy\n");
  }
  EXPECT_TRUE(scenario_->close());
}

TEST_F(Steps, TakeABannerForAResetWhenTheKexecWasRefused) {
  FakeKernel first = kernel("one", "aaaa");
  first.console = "[    0.000000] Linux version 7.3.0\n[    0.300000] up\n";
  first.kexec_errno = EINVAL;
  script(std::move(first), kernel("two", "bbbb"));
  {
    auto running = scenario_->boot();
    ASSERT_TRUE(running);
    ASSERT_TRUE(scenario_->kexec_refused(*running));
    ASSERT_TRUE(scenario_->call(Phase::kVerify, *running, wire::PciList{}));
    target_->print("[    0.000000] Linux version 7.3.0\n[    0.400000] up\n");
  }
  const auto closed = scenario_->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().type(), "kernel.reset");
  EXPECT_THAT(closed.error().what, HasSubstr("(kernel A, phase: verify)"));
}

TEST_F(Steps, BlameTheOopsOfAnEarlierPhaseForWhatFailsLater) {
  FakeKernel first = kernel("one", "aaaa");
  first.refuses = {"luo_session_create"};
  script(std::move(first), kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  target_->print("[    2.000000] Oops: Oops: 0000 [#1] SMP\n");
  const auto session = scenario_->create_session(*running, "s");
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().type(), "kernel.oops");
  EXPECT_THAT(session.error().what, HasSubstr("(kernel A, phase: snapshot)"));
}

TEST_F(Steps, KeepTheVerdictOfAStepAndTheWarningAsEvidence) {
  FakeKernel first = kernel("one", "aaaa");
  first.refuses = {"luo_session_create"};
  first.console = kWarning;
  script(std::move(first), kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  const auto session = scenario_->create_session(*running, "s");
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().type(), "kernel.refused");
  ASSERT_FALSE(session.error().evidence.empty());
  EXPECT_EQ(session.error().evidence.back().name, "warning");
}

constexpr const char* kNoRoot = "[    0.500000] Kernel panic - not syncing: VFS: Unable to mount root fs\n";

FakeKernel doomed(std::string console) {
  FakeKernel fake = kernel("doomed", "bbbb");
  fake.console = std::move(console);
  fake.dies = true;
  return fake;
}

TEST_F(Steps, TakeAPanicThatWasAskedForAndBootAgain) {
  play({kernel("one", "aaaa"), doomed(kNoRoot), kernel("two", "aaaa")});
  {
    auto first = scenario_->boot();
    ASSERT_TRUE(first);
    const auto title = scenario_->kexec_to_panic(*std::move(first), "Unable to mount root fs", {});
    ASSERT_TRUE(title) << title.error().what;
    EXPECT_THAT(*title, HasSubstr("VFS: Unable to mount root fs"));
    EXPECT_TRUE(scenario_->boot());
  }
  EXPECT_TRUE(scenario_->close());
}

TEST_F(Steps, TakeNoOtherPanicForTheOneThatWasAskedFor) {
  play({kernel("one", "aaaa"), doomed("[    0.500000] Kernel panic - not syncing: Fatal exception\n")});
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  const auto title = scenario_->kexec_to_panic(*std::move(first), "Unable to mount root fs", {});
  ASSERT_FALSE(title);
  EXPECT_EQ(title.error().type(), "kernel.panic");
}

TEST_F(Steps, TakeNoSilentResetForAPanic) {
  play({kernel("one", "aaaa"), doomed("")});
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  const auto title = scenario_->kexec_to_panic(*std::move(first), "Unable to mount root fs", {});
  ASSERT_FALSE(title);
  EXPECT_EQ(title.error().type(), "kernel.reset");
}

TEST_F(Steps, SayThatAPanicWasDueAndDidNotCome) {
  script(kernel("two", "bbbb"));
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  const auto title = scenario_->kexec_to_panic(*std::move(first), "Unable to mount root fs", {});
  ASSERT_FALSE(title);
  EXPECT_EQ(title.error().type(), "kernel.no-panic");
}

constexpr const char* kSysrq = "[   10.500000] Kernel panic - not syncing: sysrq triggered crash\n";

TEST_F(Steps, CrashIntoTheKernelThatWasLoadedForIt) {
  FakeKernel after = kernel("two", "bbbb");
  after.console = kSysrq;
  script(std::move(after));
  {
    auto first = scenario_->boot();
    ASSERT_TRUE(first);
    const auto loaded = scenario_->load_crash_kernel(*first);
    ASSERT_TRUE(loaded) << loaded.error().what;
    const auto now = scenario_->crash(*std::move(first), *loaded);
    ASSERT_TRUE(now) << now.error().what;
  }
  EXPECT_TRUE(scenario_->close());
}

TEST_F(Steps, DoNotForgiveWhatTheCrashKernelItselfComplainsAbout) {
  FakeKernel after = kernel("two", "bbbb");
  after.console = std::string(kSysrq) + "[    0.400000] WARNING: drivers/pci/x.c:12 at pci_x+0x1/0x2, CPU#0: init/1\n";
  script(std::move(after));
  {
    auto first = scenario_->boot();
    ASSERT_TRUE(first);
    const auto loaded = scenario_->load_crash_kernel(*first);
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(scenario_->crash(*std::move(first), *loaded));
  }
  EXPECT_EQ(scenario_->close().error().type(), "kernel.warn");
}

TEST_F(Steps, TakeTheWrongCrashKernelForNoKexec) {
  FakeKernel after = kernel("two", "aaaa");
  after.console = kSysrq;
  script(std::move(after));
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  const auto loaded = scenario_->load_crash_kernel(*first);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(scenario_->crash(*std::move(first), *loaded).error().type(), "kernel.not-kexec");
}

}  // namespace
}  // namespace holdfast
