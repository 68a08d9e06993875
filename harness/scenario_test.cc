// Do the steps prove what they claim, and is each part of the proof able to fail?
#include "harness/scenario_test.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(Steps, GiveADriverMoreTimeOnASlowTargetAndNeverLess) {
  const auto wait_at = [&](double scale) {
    timeout_scale_ = scale;
    script(kernel("two", "bbbb"));
    auto running = scenario_->boot();
    EXPECT_TRUE(running);
    EXPECT_TRUE(scenario_->bind_driver(*running, kSpare));
    return target_->bind_wait_ms();
  };
  const uint64_t usual = wire::VfioBind{}.wait_ms;
  EXPECT_EQ(wait_at(1), usual);
  EXPECT_EQ(wait_at(4), 4 * usual);
  EXPECT_EQ(wait_at(0.5), usual);
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

TEST_F(Steps, KeepAsMuchOfAKernelsLogAsThereIsRoomForWhenItNeverEnds) {
  FakeKernel endless = kernel("two", "bbbb");
  endless.log = std::string((4 << 20) - 1, 'x') + "\n";
  endless.log_never_ends = true;
  script(std::move(endless));
  {
    EXPECT_TRUE(boot_and_kexec());
  }
  EXPECT_TRUE(scenario_->close());
  EXPECT_LE(std::filesystem::file_size(dir_.path() / "dmesg.after"), 16U << 20);
  EXPECT_GE(std::filesystem::file_size(dir_.path() / "dmesg.after"), 8U << 20);
}

}  // namespace
}  // namespace holdfast
