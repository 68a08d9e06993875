// Do verdicts, tallies and exit codes follow the rules?
#include "harness/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::Field;

Verdict passed() { return Verdict::passed(); }
Verdict failed(std::string kind = "hang") {
  return Verdict::from(kernel_error(std::move(kind), "it hung").with("console", "text"));
}
Verdict lab(std::string kind = "timeout") { return Verdict::from(lab_error(std::move(kind), "no answer")); }
Verdict ours(std::string kind = "wire") { return Verdict::from(harness_error(std::move(kind), "bad reply")); }
Verdict skipped() { return Verdict::from(cannot("no option")); }

TEST(Verdict, FollowsTheBlameOfAnError) {
  EXPECT_EQ(failed().outcome, Outcome::kFailed);
  EXPECT_EQ(lab().outcome, Outcome::kError);
  EXPECT_EQ(ours().outcome, Outcome::kError);
  EXPECT_EQ(skipped().outcome, Outcome::kSkipped);
}

TEST(Verdict, KeepsWhatAnErrorSays) {
  const Verdict verdict = Verdict::from(kernel_error("oops", "it oopsed").with("dmesg", "BUG").because("look there"));
  EXPECT_EQ(verdict.type, "kernel.oops");
  EXPECT_EQ(verdict.message, "it oopsed");
  EXPECT_EQ(verdict.hint, "look there");
  ASSERT_EQ(verdict.evidence.size(), 1U);
  EXPECT_EQ(verdict.evidence[0].text, "BUG");
}

TEST(Outcome, ReadsWhatItWrote) {
  for (const Outcome outcome :
       {Outcome::kPassed, Outcome::kFailed, Outcome::kError, Outcome::kSkipped, Outcome::kFlaky}) {
    EXPECT_EQ(outcome_from(to_string(outcome)), outcome);
  }
  EXPECT_EQ(outcome_from("PASSED"), std::nullopt);
  EXPECT_EQ(outcome_from(""), std::nullopt);
}

struct Settling {
  const char* name;
  std::vector<Verdict> attempts;
  Outcome outcome;
  const char* type;
};

class Settle : public testing::TestWithParam<Settling> {};

TEST_P(Settle, MakesOneVerdictOfAllAttempts) {
  const Verdict verdict = settle(GetParam().attempts);
  EXPECT_EQ(verdict.outcome, GetParam().outcome) << to_string(verdict.outcome);
  EXPECT_EQ(verdict.type, GetParam().type);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Settle,
    testing::Values(Settling{"NoAttempt", {}, Outcome::kError, "harness.no-attempt"},
                    Settling{"OnePass", {passed()}, Outcome::kPassed, ""},
                    Settling{"OneFailure", {failed()}, Outcome::kFailed, "kernel.hang"},
                    Settling{"OneError", {lab()}, Outcome::kError, "lab.timeout"},
                    Settling{"OneSkip", {skipped()}, Outcome::kSkipped, "plan.cannot"},
                    Settling{"ErrorForgivenByPass", {lab(), passed()}, Outcome::kPassed, ""},
                    Settling{"ErrorForgivenByFailure", {lab(), failed()}, Outcome::kFailed, "kernel.hang"},
                    Settling{"ErrorForgivenBySkip", {ours(), skipped()}, Outcome::kSkipped, "plan.cannot"},
                    Settling{"ErrorAfterPassIsNotForgiven", {passed(), lab()}, Outcome::kError, "lab.timeout"},
                    Settling{"FailureOutranksLaterError", {failed(), lab()}, Outcome::kFailed, "kernel.hang"},
                    Settling{"FailureThenPassIsFlaky", {failed(), passed()}, Outcome::kFlaky, "kernel.hang"},
                    Settling{"PassThenFailureIsFlaky", {passed(), failed()}, Outcome::kFlaky, "kernel.hang"},
                    Settling{"FlakyDespiteErrors", {lab(), failed(), ours(), passed()}, Outcome::kFlaky, "kernel.hang"},
                    Settling{"FirstOfTwoFailures", {failed("oops"), failed("hang")}, Outcome::kFailed, "kernel.oops"},
                    Settling{"LabBeforeHarness", {lab(), ours()}, Outcome::kError, "lab.timeout"},
                    Settling{"LastOfTwoLabErrors", {lab("power"), lab("console")}, Outcome::kError, "lab.console"},
                    Settling{"PassAndSkip", {skipped(), passed()}, Outcome::kPassed, ""}),
    [](const auto& row) { return row.param.name; });

TEST(SettleFlaky, KeepsTheEvidenceOfEachAttempt) {
  Verdict pass = passed();
  pass.evidence.push_back({"pci.diff", "none"});
  const Verdict verdict = settle({failed(), pass});
  EXPECT_EQ(verdict.message, "failed in 1 of 2 attempts: it hung");
  EXPECT_THAT(verdict.evidence,
              ElementsAre(Field(&Evidence::name, "attempt 1: console"), Field(&Evidence::name, "attempt 2: pci.diff")));
}

TEST(SettleFlaky, StaysFlakyWhenSettledAgain) {
  const Verdict once = settle({failed(), passed()});
  const Verdict twice = settle({once, passed()});
  EXPECT_EQ(twice.outcome, Outcome::kFlaky);
  EXPECT_EQ(twice.message, once.message);
}

TEST(Tally, CountsAFlakyCaseAsFailed) {
  Tally tally;
  for (const Outcome outcome :
       {Outcome::kPassed, Outcome::kPassed, Outcome::kFailed, Outcome::kFlaky, Outcome::kError, Outcome::kSkipped}) {
    tally.add(outcome);
  }
  EXPECT_EQ(tally.passed, 2);
  EXPECT_EQ(tally.failed, 2);
  EXPECT_EQ(tally.errors, 1);
  EXPECT_EQ(tally.skipped, 1);
  EXPECT_EQ(tally.total(), 6);
}

TEST(ExitCode, FollowsTheTable) {
  using T = Tally;
  struct Row {
    T tally;
    bool interrupted;
    int code;
  };
  for (const Row& row : {Row{{.passed = 3}, false, 0}, Row{{.passed = 1, .skipped = 9}, false, 0},
                         Row{{.passed = 1, .failed = 1}, false, 1}, Row{{.failed = 1, .errors = 1}, false, 1},
                         Row{{.passed = 9, .errors = 1}, false, 2}, Row{{}, false, 3}, Row{{.skipped = 2}, false, 4},
                         Row{{.errors = 1, .skipped = 1}, false, 2}, Row{{.passed = 1}, true, 130},
                         Row{{.failed = 1}, true, 130}, Row{{}, true, 130}}) {
    EXPECT_EQ(exit_code(row.tally, row.interrupted), row.code)
        << row.tally.passed << ' ' << row.tally.failed << ' ' << row.tally.errors << ' ' << row.tally.skipped;
  }
}

TEST(ExitCode, IsNeverACount) {
  EXPECT_EQ(exit_code({.failed = 256}, false), 1);
  EXPECT_EQ(exit_code({.errors = 256}, false), 2);
}

}  // namespace
}  // namespace holdfast
