// Is each patch's own change told: what appears, breaks, is repaired, comes and goes, and what could not be judged?
#include "harness/series/study.h"

#include <deque>
#include <set>

#include "harness/series/findings.h"
#include "harness/series/series_test.h"

namespace holdfast::series {
namespace {

using bisect::CaseResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Change::Kind;
using Stage = State::Stage;

/// What the kernels of a made-up series do: by the last line that a patch put into the file "a".
struct FakeKernel {
  std::string identity;
  std::map<std::string, std::deque<Outcome>> cases;  ///< of each run the next; the last one stays
  std::vector<Warning> warnings = {};
  std::string untestable = {};
};

class FakeWorkshop : public Workshop {
 public:
  explicit FakeWorkshop(std::vector<FakeKernel> kernels) : kernels_(std::move(kernels)) {}

  Result<BuiltState> build(const std::string& commit, const Deadline&) override {
    if (next_ == kernels_.size()) return harness_error("test", "no such kernel");
    const FakeKernel& kernel = kernels_[next_];
    names_[commit] = next_++;
    BuiltState built;
    built.untestable = kernel.untestable;
    if (!kernel.untestable.empty()) {
      built.errors = "x.c:1:1: error: y";
      return built;
    }
    built.kernel = commit;
    built.identity = kernel.identity;
    built.build_id = kernel.identity;
    built.warnings = kernel.warnings;
    return built;
  }
  Result<CaseRun> run(const std::string& kernel, const std::string& filter, const Deadline&) override {
    FakeKernel& one = kernels_[names_.at(kernel)];
    ran.push_back(one.identity + " " + filter);
    if (ran.size() == fail_at) return lab_error("test", "the lab is down");
    CaseRun run;
    for (auto& [key, outcomes] : one.cases) {
      if (filter != "*" && (":" + filter + ":").find(":" + key + ":") == std::string::npos) continue;
      const Outcome outcome = outcomes.front();
      if (outcomes.size() > 1) outcomes.pop_front();
      CaseResult result{.key = key, .outcome = outcome};
      if (outcome == Outcome::kFailed) result.type = "kernel.promise";
      run.results.push_back(std::move(result));
    }
    return run;
  }

  std::vector<std::string> ran;
  size_t fail_at = 0;

 private:
  std::vector<FakeKernel> kernels_;
  std::map<std::string, size_t> names_;
  size_t next_ = 0;
};

constexpr auto kPass = Outcome::kPassed;
constexpr auto kFail = Outcome::kFailed;
constexpr auto kSkip = Outcome::kSkipped;
constexpr auto kError = Outcome::kError;

class SeriesStudy : public SeriesTree {
 protected:
  /// A series of as many patches as there are kernels behind the first.
  Study study(std::vector<FakeKernel> kernels, StudySettings settings = {}) {
    PostedSeries posted{.title = "t", .patches = {}, .notes = {}};
    for (int i = 1; i < static_cast<int>(kernels.size()); ++i) {
      posted.patches.push_back(patch(i, 2 * i, "new " + std::to_string(i)));
    }
    return study_of(posted, std::move(kernels), settings);
  }
  Study study_of(const PostedSeries& posted, std::vector<FakeKernel> kernels, StudySettings settings = {}) {
    workshop_.emplace(std::move(kernels));
    workshop_->fail_at = fail_at_;
    auto study = apply_all(*tree_, posted, base_, "base of all", fake::soon(), tell_);
    EXPECT_TRUE(study) << study.error().what;
    if (!study) return {};
    ended_ = test_all(*study, *workshop_, settings, fake::soon(), tell_);
    for (const State& state : study->states) {
      for (const auto& [key, cell] : state.cells)
        study->levels[key] = key.substr(0, 1) == "P" ? "preserve" : "retrieve";
    }
    return *std::move(study);
  }
  static std::vector<std::string> told(const Study& study) {
    std::vector<std::string> all;
    for (const Change& change : changes_of(study)) {
      constexpr const char* kNames[] = {"appears",   "fails-at-once", "broke", "repaired",
                                        "otherwise", "unsteady",      "lost"};
      all.push_back(std::string(kNames[static_cast<int>(change.kind)]) + " " + change.key + " " +
                    std::to_string(change.from) + ".." + std::to_string(change.at));
    }
    return all;
  }

  std::optional<FakeWorkshop> workshop_;
  size_t fail_at_ = 0;
  Result<void> ended_;
  std::vector<std::string> lines_;
  Tell tell_ = [this](const std::string& line) { lines_.push_back(line); };
};

TEST_F(SeriesStudy, ALevelAppearsAtItsPatch) {
  const Study found = study({{"k0", {{"P.x", {kSkip}}, {"R.x", {kSkip}}}},
                             {"k1", {{"P.x", {kPass}}, {"R.x", {kSkip}}}},
                             {"k2", {{"P.x", {kPass}}, {"R.x", {kPass}}}}});
  EXPECT_THAT(told(found), ElementsAre("appears P.x 0..1", "appears R.x 1..2"));
  const auto levels = levels_of(found);
  ASSERT_EQ(levels.size(), 2U);
  EXPECT_EQ(levels[0].level, "preserve");
  EXPECT_EQ(levels[0].at, 1);
  EXPECT_EQ(levels[1].level, "retrieve");
  EXPECT_EQ(levels[1].at, 2);
  EXPECT_EQ(exit_code_of(found), 0);
  EXPECT_THAT(headline(found), HasSubstr("breaks no case"));
  EXPECT_EQ(net_changes(found).size(), 2U);
}

TEST_F(SeriesStudy, WhatAPatchPromisedAndTheNextOneBreaksIsTold) {
  const Study found = study(
      {{"k0", {{"P.x", {kSkip}}}}, {"k1", {{"P.x", {kPass}}}}, {"k2", {{"P.x", {kFail}}}}, {"k3", {{"P.x", {kPass}}}}});
  const auto changes = changes_of(found);
  ASSERT_THAT(told(found), ElementsAre("appears P.x 0..1", "broke P.x 1..2", "repaired P.x 2..3"));
  EXPECT_EQ(changes[1].since, 1);
  EXPECT_EQ(changes[1].repaired, 3);
  EXPECT_TRUE(changes[1].certain());
  EXPECT_EQ(headline(found), "2/3 breaks 1 case, which 3/3 repairs");
  EXPECT_EQ(exit_code_of(found), 1) << "a series that is broken in between cannot be bisected";
  EXPECT_THAT(workshop_->ran, ElementsAre("k0 *", "k1 *", "k2 *", "k2 P.x", "k1 P.x", "k3 *"));
}

TEST_F(SeriesStudy, ACaseThatFailsOnlySometimesIsNotBlamedOnAPatch) {
  const Study here = study({{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kFail, kPass}}}}});
  EXPECT_THAT(told(here), ElementsAre("unsteady P.x 0..1"));
  const Study before = study({{"k0", {{"P.x", {kPass, kFail}}}}, {"k1", {{"P.x", {kFail}}}}});
  EXPECT_THAT(told(before), IsEmpty()) << "the base does it as well";
  EXPECT_EQ(exit_code_of(before), 1);
  // The control: not run again, both are taken for broken.
  const Study trusting = study({{"k0", {{"P.x", {kPass, kFail}}}}, {"k1", {{"P.x", {kFail}}}}}, {.confirm = 0});
  EXPECT_THAT(told(trusting), ElementsAre("broke P.x 0..1"));
}

TEST_F(SeriesStudy, AKernelThatIsTheSameIsNotRunAgain) {
  const Study found =
      study({{"k0", {{"P.x", {kPass, kFail}}}}, {"k0", {{"P.x", {kError}}}}, {"k2", {{"P.x", {kFail}}}}});
  EXPECT_EQ(found.states[1].same_as, 0);
  EXPECT_THAT(workshop_->ran, ElementsAre("k0 *", "k2 *", "k2 P.x", "k0 P.x"));
  EXPECT_THAT(told(found), IsEmpty()) << "what the second run of the base showed holds for its twin";
}

TEST_F(SeriesStudy, APatchThatDoesNotBuildIsAResultAndTheNextOneIsTried) {
  const Study found = study({{"k0", {{"P.x", {kPass}}}},
                             {.identity = "", .cases = {}, .untestable = "does not build: x.c:1:1: error: y"},
                             {"k2", {{"P.x", {kFail}}}}});
  EXPECT_EQ(found.states[1].stage, Stage::kNotBuilt);
  EXPECT_THAT(found.states[1].said, HasSubstr("error: y"));
  EXPECT_THAT(told(found), ElementsAre("broke P.x 0..2"));
  EXPECT_FALSE(changes_of(found)[0].certain()) << "the one that does not build may have done it";
  EXPECT_EQ(exit_code_of(found), 1);
  EXPECT_THAT(headline(found), HasSubstr("1/2 does not build"));
}

TEST_F(SeriesStudy, BehindAPatchThatDoesNotApplyNothingIsTried) {
  PostedSeries posted{.title = "t", .patches = {}, .notes = {}};
  posted.patches = {patch(1, 2, "new"), patch(2, 6, "new", "nothing that is there"), patch(3, 10, "new")};
  const Study found = study_of(posted, {{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kPass}}}}});
  EXPECT_TRUE(ended_) << ended_.error().what;
  EXPECT_EQ(found.states[1].stage, Stage::kTested);
  EXPECT_EQ(found.states[2].stage, Stage::kNotApplied);
  EXPECT_THAT(found.states[2].told, HasSubstr("does not fit at a:5"));
  EXPECT_EQ(found.states[3].stage, Stage::kNotTried);
  EXPECT_EQ(exit_code_of(found), 1);
}

TEST_F(SeriesStudy, BehindAMissingPatchNothingIsTriedAndTheVerdictIsOpen) {
  PostedSeries posted{.title = "t", .patches = {}, .notes = {}};
  posted.patches = {patch(1, 2, "new"), PostedPatch{.number = 2, .subject = "(missing)"}, patch(3, 10, "new")};
  const Study found = study_of(posted, {{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kPass}}}}});
  EXPECT_EQ(found.states[2].stage, Stage::kMissing);
  EXPECT_EQ(found.states[3].stage, Stage::kNotTried);
  EXPECT_EQ(exit_code_of(found), 2);
  EXPECT_THAT(headline(found), HasSubstr("2/3 is missing"));
}

TEST_F(SeriesStudy, TheTipAloneIsComparedWithTheBase) {
  PostedSeries posted{.title = "t", .patches = {patch(1, 2, "x"), patch(2, 6, "y")}, .notes = {}};
  const Study found = study_of(posted, {{"k0", {{"P.x", {kPass}}}}, {"k2", {{"P.x", {kFail}}}}}, {.tip_only = true});
  EXPECT_EQ(found.states[1].stage, Stage::kLeftOut);
  EXPECT_TRUE(found.states[2].tested());
  EXPECT_THAT(told(found), ElementsAre("broke P.x 0..2"));
}

TEST_F(SeriesStudy, LabErrorsBreakAndRepairNothing) {
  const Study found = study({{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kError}}}}, {"k2", {{"P.x", {kFail}}}}});
  EXPECT_THAT(told(found), ElementsAre("broke P.x 0..2"));
  EXPECT_FALSE(changes_of(found)[0].certain());
  const Study spoilt = study({{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kError}}}}});
  EXPECT_THAT(told(spoilt), IsEmpty());
  EXPECT_EQ(exit_code_of(spoilt), 2);
}

TEST_F(SeriesStudy, WhatIsKnownStaysWhenTheWorkEndsEarly) {
  fail_at_ = 2;
  const Study found = study({{"k0", {{"P.x", {kPass}}}}, {"k1", {{"P.x", {kPass}}}}});
  ASSERT_FALSE(ended_);
  EXPECT_EQ(ended_.error().type(), "lab.test");
  EXPECT_TRUE(found.states[0].tested());
  EXPECT_FALSE(found.states[1].tested());
}

TEST_F(SeriesStudy, AWarningBelongsToThePatchThatAddsIt) {
  const Warning old{.file = "a.c", .line = 3, .text = "old"};
  const Warning moved{.file = "a.c", .line = 9, .text = "old"};
  const Warning fresh{.file = "b.c", .line = 1, .text = "new"};
  const Study found = study({{"k0", {{"P.x", {kPass}}}, {old}},
                             {"k1", {{"P.x", {kPass}}}, {moved, fresh}},
                             {.identity = "", .cases = {}, .untestable = "does not build"},
                             {"k3", {{"P.x", {kPass}}}, {moved, fresh}}});
  EXPECT_THAT(found.states[0].warnings, IsEmpty());
  EXPECT_THAT(found.states[1].warnings, ElementsAre(fresh));
  EXPECT_THAT(found.states[3].warnings, IsEmpty());
  EXPECT_EQ(found.states[3].compared_with, 1);
}

TEST_F(SeriesStudy, TheOtherWaysInWhichACaseChanges) {
  const Study found = study({{"k0", {{"P.lost", {kPass}}, {"P.new", {kSkip}}, {"P.old", {kFail}}}},
                             {"k1", {{"P.lost", {kSkip}}, {"P.new", {kFail}}, {"P.old", {kPass}}}}});
  EXPECT_THAT(told(found), ElementsAre("lost P.lost 0..1", "fails-at-once P.new 0..1", "repaired P.old 0..1"));
  EXPECT_THAT(headline(found), HasSubstr("1/1 brings 1 case that fails"));
}

TEST_F(SeriesStudy, ExitCodesSayWhetherAnythingRan) {
  EXPECT_EQ(exit_code_of(study({{"k0", {{"P.x", {kSkip}}}}, {"k1", {{"P.x", {kSkip}}}}})), 4);
  EXPECT_EQ(exit_code_of(study({{"k0", {}}, {"k1", {}}})), 3);
  EXPECT_EQ(exit_code_of(study({{"k0", {{"P.x", {kFail}}}}, {"k1", {{"P.x", {kFail}}}}})), 1);
}

}  // namespace
}  // namespace holdfast::series
