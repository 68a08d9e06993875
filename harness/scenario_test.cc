// Do the steps prove what they claim, and is each part of the proof able to fail?
#include "harness/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "fixtures/fake_target.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Silence : public EventSink {
 public:
  void on(const Event& event) override {
    if (const auto* phase = std::get_if<PhaseEnded>(&event)) phases.push_back(phase->phase);
    if (const auto* finding = std::get_if<FindingAllowed>(&event)) allowed.push_back(*finding);
  }
  std::vector<std::string> phases;
  std::vector<FindingAllowed> allowed;
};

/// One endpoint behind nothing: an Intel card with its command register and nothing else.
wire::PciListReply one_device(const std::string& bdf = "0000:01:00.0", uint8_t command = 0) {
  wire::PciListReply reply;
  wire::PciFunction function;
  function.bdf = bdf;
  function.path = bdf;
  function.vendor = 0x8086;
  function.device = 0x10d3;
  function.class_code = 0x020000;
  function.config_size = 64;
  reply.functions.push_back(function);
  reply.blob.resize(64);
  const std::array<uint8_t, 12> header{0x86, 0x80, 0xd3, 0x10, command, 0, 0, 0, 0, 0, 0, 2};
  for (size_t i = 0; i < header.size(); ++i) reply.blob[i] = static_cast<std::byte>(header[i]);
  return reply;
}

FakeKernel kernel(const std::string& boot_id, const std::string& build_id) {
  FakeKernel fake;
  fake.hello.boot_id = boot_id;
  fake.hello.build_id = build_id;
  fake.hello.release = "7.3.0";
  fake.devices = one_device();
  return fake;
}

class Steps : public testing::Test {
 protected:
  Steps() {
    a_.build_id = "aaaa";
    b_.build_id = "bbbb";
    other_.build_id = "cccc";
    for (KernelImage* image : {&a_, &b_, &other_}) {
      image->path = dir_.path() / "bzImage";
      image->release = "7.3.0";
    }
    EXPECT_TRUE(write_file(dir_.path() / "bzImage", "kernel"));
  }

  /// Plays kernel A, then `next`.
  void script(FakeKernel next) { script(kernel("one", "aaaa"), std::move(next)); }
  void script(FakeKernel first, FakeKernel next) { play({std::move(first), std::move(next)}); }
  void play(std::deque<FakeKernel> kernels) {
    target_ = std::make_unique<FakeTarget>(std::move(kernels));
    ScenarioSetup setup{.target = *target_,
                        .events = events_,
                        .where = where_,
                        .dir = dir_.path(),
                        .kernel = a_,
                        .next_kernel = b_,
                        .modules = {},
                        .append = {},
                        .next_append = {},
                        .devices = {},
                        .allowances = allowances_,
                        .timeout_scale = timeout_scale_};
    setup.other_kernels.emplace("other", other_);
    scenario_ = std::make_unique<Scenario>(std::move(setup));
  }

  Result<Running> boot_and_kexec() {
    Running first = TRY(scenario_->boot());
    return scenario_->kexec(std::move(first));
  }

  /// What closing the case has to say after a kexec.
  Error closed_after_kexec() {
    {
      EXPECT_TRUE(boot_and_kexec());
    }
    const auto closed = scenario_->close();
    return closed ? Error{} : closed.error();
  }

  TempDir dir_ = *TempDir::create();
  std::vector<Allowance> allowances_;
  Silence events_;
  Where where_;
  KernelImage a_;
  KernelImage b_;
  KernelImage other_;
  double timeout_scale_ = 1.0;
  std::unique_ptr<FakeTarget> target_;
  std::unique_ptr<Scenario> scenario_;
};

TEST_F(Steps, GoFromKernelToKernelInTheOrderOfTheFlow) {
  script(kernel("two", "bbbb"));
  {
    auto now = boot_and_kexec();
    ASSERT_TRUE(now) << now.error().what;
    EXPECT_TRUE(scenario_->verify(*now));
  }
  EXPECT_TRUE(scenario_->close());
  EXPECT_THAT(target_->effects(), ElementsAre("boot", "connect", "pci_list", "have", "kexec_load", "pci_list", "kmsg",
                                              "leave", "connect", "pci_list", "kmsg"));
  EXPECT_THAT(events_.phases,
              ElementsAre("boot", "snapshot", "load", "snapshot", "kexec", "wait", "snapshot", "verify", "close"));
  for (const char* file : {"pci.before.txt", "pci.after.txt", "pci.diff", "dmesg.before", "dmesg.after"}) {
    EXPECT_TRUE(std::filesystem::exists(dir_.path() / file)) << file;
  }
}

TEST_F(Steps, TakeTheSameBootIdForNoKexec) {
  script(kernel("one", "bbbb"));
  const auto now = boot_and_kexec();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().type(), "kernel.not-kexec");
}

TEST_F(Steps, TakeAKernelWithoutTheNonceForNoKexec) {
  FakeKernel first = kernel("one", "aaaa");
  first.echo_cmdline = false;
  script(std::move(first), kernel("two", "bbbb"));
  const auto now = boot_and_kexec();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().type(), "kernel.not-kexec");
  EXPECT_THAT(now.error().what, HasSubstr("holdfast.nonce="));
}

TEST_F(Steps, TakeAnotherKernelThanTheOneLoadedForNoKexec) {
  script(kernel("two", "aaaa"));
  const auto now = boot_and_kexec();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().type(), "kernel.not-kexec");
  EXPECT_THAT(now.error().what, HasSubstr("build-id aaaa"));
}

TEST_F(Steps, RefuseToJudgeAKernelThatWasNotAskedFor) {
  script(kernel("zero", "cccc"), kernel("two", "bbbb"));
  const auto now = scenario_->boot();
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().type(), "lab.wrong-kernel");
}

TEST_F(Steps, FindADeviceThatMoved) {
  FakeKernel next = kernel("two", "bbbb");
  next.devices = one_device("0000:09:00.0");
  script(std::move(next));
  auto now = boot_and_kexec();
  ASSERT_TRUE(now);
  const auto verified = scenario_->verify(*now);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().blame, Blame::kKernel);
}

TEST_F(Steps, KeepTheKernelWhenTheKexecIsRefused) {
  FakeKernel first = kernel("one", "aaaa");
  first.kexec_errno = EINVAL;
  script(std::move(first), kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  const auto answer = scenario_->kexec_refused(*running);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, "EINVAL");
  EXPECT_EQ(running->agent().boot_id(), "one");
  EXPECT_TRUE(scenario_->call(Phase::kVerify, *running, wire::PciList{}));
}

TEST_F(Steps, SayThatARefusalWasDueAndDidNotCome) {
  script(kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  const auto answer = scenario_->kexec_refused(*running);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "kernel.accepted");
  EXPECT_EQ(scenario_->refused(Phase::kVerify, *running, wire::PciList{}).error().type(), "kernel.accepted");
}

TEST_F(Steps, NameTheErrnoOfARefusal) {
  FakeKernel first = kernel("one", "aaaa");
  first.refuses = {"luo_session_create"};
  script(std::move(first), kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  EXPECT_EQ(*scenario_->refused(Phase::kPreserve, *running, wire::LuoSessionCreate{.name = "s"}), "EBUSY");
  EXPECT_EQ(scenario_->create_session(*running, "s").error().type(), "kernel.refused");
}

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

/// The device that one_device() has, and nothing.
const Device kSpare{.role = "spare", .bdf = "0000:01:00.0", .model = "e1000e", .traits = {"hot-plug", "spare"}};

TEST_F(Steps, WaitForADeviceThatIsPluggedInAndForItsEnd) {
  FakeKernel first = kernel("one", "aaaa");
  first.devices = {};
  script(std::move(first), kernel("two", "bbbb"));
  wire::PciListReply plugged = one_device();
  plugged.functions.front().iommu_group = 3;
  target_->give_slots(std::move(plugged), {});
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  EXPECT_TRUE(running->arrived().functions().empty());
  ASSERT_TRUE(scenario_->plug(*running, kSpare));
  EXPECT_EQ(running->arrived().functions().size(), 1U);
  ASSERT_TRUE(scenario_->unplug(*running, kSpare));
  EXPECT_TRUE(running->arrived().functions().empty());
  EXPECT_THAT(events_.phases, ElementsAre("boot", "snapshot", "plug", "plug"));
  EXPECT_THAT(target_->effects(), testing::IsSupersetOf({"plug spare", "unplug spare"}));
}

TEST_F(Steps, BlameTheKernelForAPluggedDeviceThatItDoesNotTakeUp) {
  FakeKernel first = kernel("one", "aaaa");
  first.devices = {};
  timeout_scale_ = 0.02;
  script(std::move(first), kernel("two", "bbbb"));
  target_->give_slots({}, {});
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  const auto plugged = scenario_->plug(*running, kSpare);
  ASSERT_FALSE(plugged);
  EXPECT_EQ(plugged.error().type(), "kernel.hot-plug");
}

TEST_F(Steps, SkipACaseThatPlugsWhereTheTargetCannot) {
  script(kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  EXPECT_EQ(scenario_->plug(*running, kSpare).error().blame, Blame::kPlan);
  EXPECT_EQ(scenario_->unplug(*running, kSpare).error().blame, Blame::kPlan);
}

TEST_F(Steps, GiveALostMachineToTheLab) {
  script(kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  target_->die(lab_error("vm-killed", "killed by signal 9"));
  const auto now = scenario_->kexec(*std::move(running));
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().type(), "lab.vm-killed");
}

// ---- further kernels

TEST_F(Steps, GoToAnotherKernelAndBackToKernelA) {
  play({kernel("one", "aaaa"), kernel("two", "cccc"), kernel("three", "aaaa")});
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  auto second = scenario_->kexec(*std::move(first), {.kernel = "other"});
  ASSERT_TRUE(second) << second.error().what;
  const auto third = scenario_->kexec(*std::move(second), {.kernel = kKernelA});
  EXPECT_TRUE(third) << third.error().what;
}

TEST_F(Steps, ProveThatTheOtherKernelWasTheOneLoaded) {
  script(kernel("two", "bbbb"));
  auto first = scenario_->boot();
  ASSERT_TRUE(first);
  const auto second = scenario_->kexec(*std::move(first), {.kernel = "other"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().type(), "kernel.not-kexec");
  EXPECT_THAT(second.error().what, HasSubstr("has cccc"));
}

TEST_F(Steps, NameTheErrnoOfALoadThatIsRefused) {
  FakeKernel first = kernel("one", "aaaa");
  first.refuses = {"kexec_load"};
  script(std::move(first), kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  EXPECT_EQ(*scenario_->load_refused(*running), "EBUSY");
}

TEST_F(Steps, SayThatALoadHadToBeRefused) {
  script(kernel("two", "bbbb"));
  auto running = scenario_->boot();
  ASSERT_TRUE(running);
  EXPECT_EQ(scenario_->load_refused(*running).error().type(), "kernel.accepted");
}

// ---- kernels that are to end badly

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
