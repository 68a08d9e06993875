// Does the judge of the fault matrix see what is wrong, and nothing else?
#include "tools/faults_matrix/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <functional>

namespace holdfast::faults {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Combination kCut{"verify", Fault::kSocketCut};

/// What is right for a socket that is cut.
Observation borne() {
  Observation seen;
  seen.status = {.code = 2, .signal = 0};
  seen.took = Millis(1000);
  seen.limit = Millis(2000);
  seen.verdict = "error lab.vm-link";
  seen.next = "passed";
  seen.explained = seen.console_kept = seen.journal_sound = seen.journal_tells = seen.report_sound = true;
  return seen;
}

TEST(FaultJudge, HasNothingAgainstAFaultThatWasBorne) { EXPECT_THAT(complaints(kCut, borne()), IsEmpty()); }

struct Flaw {
  const char* name;
  std::function<void(Observation&)> make;
  const char* words;
};
class FaultJudgeSees : public testing::TestWithParam<Flaw> {};

TEST_P(FaultJudgeSees, OneFlawAndThatAlone) {
  Observation seen = borne();
  GetParam().make(seen);
  EXPECT_THAT(complaints(kCut, seen), ElementsAre(HasSubstr(GetParam().words)));
}

INSTANTIATE_TEST_SUITE_P(
    Flaws, FaultJudgeSees,
    testing::Values(
        Flaw{"Blame", [](auto& seen) { seen.verdict = "error harness.case-died"; }, "not \"error harness.case-died\""},
        Flaw{"ExitCode", [](auto& seen) { seen.status.code = 1; }, "exit code 2 was right"},
        Flaw{"Deadline", [](auto& seen) { seen.took = Millis(2001); }, "2000 were allowed"},
        Flaw{"Hang", [](auto& seen) { seen.timed_out = true; }, "had to be killed"},
        Flaw{"NoMessage", [](auto& seen) { seen.explained = false; }, "no message"},
        Flaw{"NoConsole", [](auto& seen) { seen.console_kept = false; }, "no console"},
        Flaw{"NoJournal", [](auto& seen) { seen.journal_tells = false; }, "does not tell"},
        Flaw{"NoReport", [](auto& seen) { seen.report_sound = false; }, "junit.xml"},
        Flaw{"Leftover", [](auto& seen) { seen.left = {"process 7 (qemu)"}; }, "left behind: process 7"},
        Flaw{"NextCase", [](auto& seen) { seen.next = "absent"; }, "next case"},
        Flaw{"NothingProved", [](auto& seen) { seen.trouble = "no QEMU was found"; }, "nothing was proved"}),
    [](const auto& flaw) { return std::string(flaw.param.name); });

TEST(FaultJudge, TakesNoPassForTheRightVerdictOfALostMachine) {
  Observation seen = borne();
  seen.verdict = "passed";
  seen.status.code = 0;
  EXPECT_THAT(complaints(kCut, seen), ElementsAre(HasSubstr("not \"passed\"")));
}

TEST(FaultJudge, WantsARunWhoseOutputIsLostToSaySo) {
  Observation seen = borne();
  seen.verdict = "passed";
  const Combination full{"verify", Fault::kDiskFull};
  EXPECT_THAT(complaints(full, seen), ElementsAre(HasSubstr("does not say")));
  seen.output = "write journal.jsonl: ENOSPC";
  EXPECT_THAT(complaints(full, seen), IsEmpty());
  seen.status.code = 0;
  EXPECT_THAT(complaints(full, seen), ElementsAre(HasSubstr("exit code 2 was right")));
}

TEST(FaultJudge, WantsWhoWasTerminatedToEndWithItsOwnExitCode) {
  Observation seen = borne();
  seen.verdict = "absent";
  const Combination terminated{"bind", Fault::kTerminated};
  EXPECT_THAT(complaints(terminated, seen), ElementsAre(HasSubstr("exit code 130")));
  seen.status.code = 130;
  EXPECT_THAT(complaints(terminated, seen), IsEmpty());
}

TEST(FaultMatrix, LeavesOutWhatMakesNoSenseAndSaysWhy) {
  EXPECT_EQ(left_out_because({"verify", Fault::kBmcAway}),
            "a machine in QEMU has no BMC; the tests with the label metal have one");
  EXPECT_EQ(left_out_because({"lease", Fault::kQemuKilled}), "there is no machine yet");
  EXPECT_EQ(left_out_because({"report", Fault::kSocketCut}), "the machine is gone already");
  EXPECT_EQ(left_out_because({"lease", Fault::kKilled}), "");
  EXPECT_GE(sensible_combinations().size(), 120U);
}

TEST(FaultMatrix, IsChosenByPhaseAndFault) {
  EXPECT_EQ(chosen({"verify/socket-cut"}).size(), 1U);
  EXPECT_EQ(chosen({"verify/*"}).size(), 16U);
  EXPECT_EQ(chosen({"verify/bmc-away"}).size(), 0U);
}

}  // namespace
}  // namespace holdfast::faults
