// Is a host found out that would not leave for a test kernel?
#include "lab/metal/before_launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/file.h"
#include "lab/metal/real_sshd.h"

namespace holdfast::lab {
namespace {

using ::testing::HasSubstr;
using State = Finding::State;

struct Told {
  const char* name;
  const char* text;
  State state;
  const char* what;
};

class JudgeKexec : public ::testing::TestWithParam<Told> {};

TEST_P(JudgeKexec, SaysWhatStandsAgainstIt) {
  const Finding finding = judge_kexec(GetParam().text);
  EXPECT_EQ(finding.state, GetParam().state);
  EXPECT_THAT(finding.what, HasSubstr(GetParam().what));
  EXPECT_EQ(finding.mend.empty(), finding.state == State::kGood);
}
INSTANTIATE_TEST_SUITE_P(
    For, JudgeKexec,
    ::testing::Values(
        Told{"AFreeKernel", "kexec there\nkexec_load_disabled 0\nkexec_load_limit_reboot -1\nlockdown none\n",
             State::kGood, "loads others"},
        Told{"AnOldKernelThatSaysLittle", "kexec there\n", State::kGood, "loads others"},
        Told{"AKernelWithoutKexec", "kexec none\n", State::kMissing, "no kexec"},
        Told{"AKernelWithTheOldCallAlone", "kexec without-files\n", State::kMissing, "no kexec_file_load"},
        Told{"AKernelThatWasToldToLoadNoMore", "kexec there\nkexec_load_disabled 1\n", State::kMissing,
             "disabled is 1"},
        Told{"AKernelThatHasLoadedItsLast", "kexec there\nkexec_load_limit_reboot 0\n", State::kMissing, "reboot is 0"},
        Told{"AKernelThatIsLockedDown", "kexec there\nlockdown integrity\n", State::kLimits, "(integrity)"},
        Told{"AHostThatSaysNothing", "", State::kMissing, "no kexec"}),
    [](const auto& tested) { return tested.param.name; });

/// What this computer says of itself, whatever that is, is understood.
TEST(BeforeLaunch, EachHostHasAnAnswer) {
  const TempDir folder = *TempDir::create("before");
  ASSERT_TRUE(make_dirs(folder.path() / "r"));
  const auto sshd = RealSshd::start(folder.path() / "host");
  ASSERT_TRUE(sshd) << sshd.error().what;
  const Deadline soon = Deadline::after(Millis(60'000));
  auto ssh = Ssh::open(sshd->access(), folder.path() / "r", "own", soon);
  ASSERT_TRUE(ssh) << ssh.error().what;
  const auto told = ssh->ask({"sh", "-c", kAskForKexec}, soon);
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_THAT(*told, HasSubstr(std::filesystem::exists("/sys/kernel/kexec_loaded") ? "kexec " : "kexec none\n"));
}

}  // namespace
}  // namespace holdfast::lab
