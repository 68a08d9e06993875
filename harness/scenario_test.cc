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
  }
  std::vector<std::string> phases;
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
    for (KernelImage* image : {&a_, &b_}) {
      image->path = dir_.path() / "bzImage";
      image->release = "7.3.0";
    }
    EXPECT_TRUE(write_file(dir_.path() / "bzImage", "kernel"));
  }

  /// Plays kernel A, then `next`.
  void script(FakeKernel next) { script(kernel("one", "aaaa"), std::move(next)); }
  void script(FakeKernel first, FakeKernel next) {
    target_ = std::make_unique<FakeTarget>(std::deque<FakeKernel>{std::move(first), std::move(next)});
    scenario_ = std::make_unique<Scenario>(ScenarioSetup{.target = *target_,
                                                         .events = events_,
                                                         .where = {},
                                                         .dir = dir_.path(),
                                                         .kernel = a_,
                                                         .next_kernel = b_,
                                                         .modules = {},
                                                         .append = {},
                                                         .next_append = {},
                                                         .devices = {}});
  }

  Result<Running> boot_and_kexec() {
    Running first = TRY(scenario_->boot());
    return scenario_->kexec(std::move(first));
  }

  TempDir dir_ = *TempDir::create();
  Silence events_;
  KernelImage a_;
  KernelImage b_;
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
  {
    ASSERT_TRUE(boot_and_kexec());
  }
  EXPECT_FALSE(scenario_->close());
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

}  // namespace
}  // namespace holdfast
