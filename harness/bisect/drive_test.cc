// Is a bisection carried out as decided, kept in its journal, and gone on with from there?
#include "harness/bisect/drive.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "harness/base/file.h"
#include "harness/bisect/bisect_test.h"
#include "harness/bisect/findings.h"

namespace holdfast::bisect {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCase = "Preserve.Keeps/e1000e";

CaseResult failure(const std::string& type, const std::string& fingerprint = {}) {
  return {.key = kCase, .outcome = Outcome::kFailed, .type = type, .fingerprint = fingerprint, .message = "so it said"};
}
CaseResult pass() { return {.key = kCase, .outcome = Outcome::kPassed}; }
CaseResult lab() { return {.key = kCase, .outcome = Outcome::kError, .type = "lab.vm-killed"}; }

/// Answers for a line of commits; "c5" and later are bad. Calls are counted, and may be made to end the search.
class FakeWorkshop : public Workshop {
 public:
  Result<BuiltCommit> build(const std::string& commit, const Deadline&) override {
    if (auto error = spend()) return *std::move(error);
    ++builds;
    if (ahead == commit) ++foreseen;
    ahead.clear();
    if (unbuildable.contains(commit)) return BuiltCommit{.untestable = "no kernel: error: expected ';'"};
    BuiltCommit built{.kernel = commit, .build_id = "id-" + commit};
    if (config_changes.contains(commit)) built.config_changes = {config_changes.at(commit)};
    return built;
  }
  Result<BuiltCommit> build_without(const std::string&, const std::string&, const Deadline&) override {
    if (auto error = spend()) return *std::move(error);
    return BuiltCommit{.kernel = "without", .build_id = "id-without"};
  }
  void build_ahead(const std::string& commit) override { ahead = commit; }
  Result<std::vector<CaseResult>> run(const std::string& kernel, const std::string& filter, const Deadline&) override {
    if (auto error = spend()) return *std::move(error);
    filters.push_back(filter);
    ++runs;
    if (answer.contains(kernel)) return std::vector{answer.at(kernel)};
    if (lab_every > 0 && runs % lab_every == 0) return std::vector{lab()};
    const bool bad = kernel != "without" && kernel != "good" && std::stoi(kernel.substr(1)) >= 5;
    return std::vector{bad ? failure("kernel.oops", "oops: vfio_pci_freeze") : pass()};
  }

  std::set<std::string> unbuildable = {};
  std::map<std::string, CaseResult> answer = {};  ///< by kernel: something else than usual
  std::map<std::string, std::string> config_changes = {};
  std::string ahead = {};  ///< what was begun last
  int foreseen = 0;        ///< builds of what was begun
  int lab_every = 0;
  int calls_left = 1000;
  int builds = 0;
  int runs = 0;
  std::vector<std::string> filters = {};

 private:
  std::optional<Error> spend() {
    if (calls_left-- > 0) return std::nullopt;
    return lab_error("disk", "no space is left");
  }
};

class Drive : public testing::Test {
 protected:
  Result<Progressed> search(bool resume = false) {
    settings_.resume = resume;
    return drive(history_, settings_, workshop_, Deadline::after(std::chrono::seconds(60)), {});
  }
  Node named(const Result<Progressed>& found) {
    EXPECT_TRUE(found) << found.error().what;
    EXPECT_EQ(found->bisection.ending(), Ending::kNamed);
    return found->bisection.likeliest().nodes.front();
  }
  std::string text_of(const Progressed& found) {
    std::string text;
    for (const std::string& line : to_text(found)) text += line + "\n";
    return text;
  }

  TempDir dir_ = *TempDir::create();
  History history_ = line(12);
  FakeWorkshop workshop_;
  DriveSettings settings_{.search = {},
                          .task = {.tree = "/t", .good = "good", .bad = "c12", .filter = "Preserve.*"},
                          .journal = dir_.path() / "journal.jsonl"};
};

TEST_F(Drive, NamesTheCulpritAndConfirmsItByReverting) {
  const auto found = search();
  EXPECT_EQ(named(found), 5U);
  EXPECT_EQ(found->bisection.reverted(), Reverted::kPasses);
  EXPECT_EQ(found->sought->fingerprint, "oops: vfio_pci_freeze");
  EXPECT_EQ(workshop_.filters.front(), "Preserve.*");
  EXPECT_EQ(workshop_.filters.back(), kCase) << "once it is known, only the case sought is run";
  EXPECT_THAT(text_of(*found), HasSubstr("the first bad commit is c5"));
  EXPECT_THAT(text_of(*found), HasSubstr("the bad end passes without it"));
}

TEST_F(Drive, GoesOnAfterAnInterruptionWithoutDoingAnythingTwice) {
  const auto whole = search();
  const int builds = workshop_.builds;
  const int runs = workshop_.runs;
  for (const int calls : {1, 2, 3, 5, 8}) {
    workshop_ = {};
    workshop_.calls_left = calls;
    const auto cut = search();
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().type(), "lab.disk");
    workshop_.calls_left = 1000;
    const auto resumed = search(/*resume=*/true);
    EXPECT_EQ(named(resumed), 5U);
    EXPECT_EQ(resumed->bisection.likeliest().mass, whole->bisection.likeliest().mass);
    EXPECT_EQ(workshop_.builds, builds) << calls;
    EXPECT_EQ(workshop_.runs, runs) << calls;
  }
}

TEST_F(Drive, ALineOfTheJournalThatWasCutIsDoneAgain) {
  ASSERT_TRUE(search());
  std::string text = *read_file(settings_.journal);
  ASSERT_TRUE(write_file(settings_.journal, text.substr(0, text.size() - 10)));
  EXPECT_EQ(named(search(/*resume=*/true)), 5U);
  EXPECT_TRUE(read_journal(settings_.journal)) << "and the journal is whole again";
}

TEST_F(Drive, TheJournalOfAnotherSearchIsRefused) {
  ASSERT_TRUE(search());
  settings_.task.filter = "Other.*";
  const auto other = search(/*resume=*/true);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().type(), "harness.usage");
  EXPECT_THAT(other.error().what, HasSubstr("another bisection"));
}

TEST_F(Drive, AJournalThatIsNoneIsRefusedWithItsLine) {
  ASSERT_TRUE(write_file(settings_.journal, "{\"step\":\"begin\"}\n"));
  const auto found = search(/*resume=*/true);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().what, HasSubstr("journal.jsonl, line 1"));
}

TEST_F(Drive, CommitsThatDoNotBuildAreTold) {
  workshop_.unbuildable = {"c6", "c7", "c8"};
  const auto found = search();
  EXPECT_EQ(named(found), 5U);
  for (const Node node : {6, 7, 8}) {
    if (!found->bisection.of(node).untestable.empty()) {
      EXPECT_THAT(text_of(*found), HasSubstr(fmt::format("not tested: c{}: no kernel", node)));
    }
  }
  workshop_ = {};
  workshop_.unbuildable = {"c5", "c6"};
  const auto several = search();
  ASSERT_TRUE(several);
  EXPECT_EQ(several->bisection.ending(), Ending::kNamedSome);
  EXPECT_EQ(exit_code_of(several->bisection.ending()), 4);
}

TEST_F(Drive, AnotherFailureOfTheSameCaseCountsAsNothingAndIsTold) {
  workshop_.answer["c6"] = failure("kernel.oops", "oops: somewhere_else");
  workshop_.answer["c3"] = failure("kernel.hang");
  const auto found = search();
  EXPECT_EQ(named(found), 5U);
  EXPECT_EQ(found->bisection.of(6).failed + found->bisection.of(3).failed, 0);
  EXPECT_THAT(text_of(*found), HasSubstr("also seen on"));
}

TEST_F(Drive, ACommitThatDoesNotBootTwiceIsGoneAround) {
  CaseResult panics = failure("kernel.panic");
  panics.boots = false;
  const std::vector<Node> silent = {1, 2, 3, 6, 7, 8, 9, 10, 11};
  for (const Node node : silent) workshop_.answer[history_[node].id] = panics;
  const auto found = search();
  EXPECT_EQ(named(found), 5U);
  EXPECT_THAT(text_of(*found), HasSubstr("it does not boot: kernel.panic: so it said"));
  const auto resumed = search(/*resume=*/true);
  for (const Node node : silent) {
    EXPECT_EQ(found->bisection.of(node).other, found->bisection.of(node).untestable.empty() ? 0 : 2) << node;
    EXPECT_EQ(resumed->bisection.of(node).untestable, found->bisection.of(node).untestable) << "so the journal has it";
  }
}

TEST_F(Drive, ThatTheConfigurationIsAnotherIsTold) {
  workshop_.config_changes["c12"] = "CONFIG_X: n -> y";
  const auto found = search();
  EXPECT_THAT(text_of(*found), HasSubstr("configured in another way: c12: CONFIG_X: n -> y"));
  EXPECT_THAT(text_of(*search(/*resume=*/true)), HasSubstr("CONFIG_X: n -> y"));
}

TEST_F(Drive, TheKernelThatIsLikelyToBeNextIsBegunWhileTheCaseRuns) {
  ASSERT_TRUE(search());
  // Neither what comes first nor where a run went against the odds can be foreseen.
  EXPECT_GE(2 * workshop_.foreseen, workshop_.builds - 2) << workshop_.foreseen << " of " << workshop_.builds;
}

TEST_F(Drive, LabErrorsChangeNothingButTheTime) {
  workshop_.lab_every = 4;
  EXPECT_EQ(named(search()), 5U);
  EXPECT_GT(workshop_.runs, 8);
}

TEST_F(Drive, ACaseThatIsSkippedIsNotAskedAgain) {
  workshop_.answer["c4"] = {.key = kCase, .outcome = Outcome::kSkipped, .message = "no handler"};
  const auto found = search();
  ASSERT_TRUE(found);
  EXPECT_LE(found->bisection.of(4).other, 1);
  EXPECT_EQ(found->bisection.ending(), Ending::kNamedSome) << "c4 or c5";
}

TEST_F(Drive, ABadEndWhoseCaseNeverRunsIsNoPass) {
  workshop_.answer["c12"] = {.key = kCase, .outcome = Outcome::kSkipped, .message = "no handler"};
  const auto found = search();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bisection.ending(), Ending::kEndUntestable);
  EXPECT_THAT(headline(*found), HasSubstr("no handler"));
}

TEST_F(Drive, TheJsonHoldsWhatTheTextSays) {
  const auto found = search();
  ASSERT_TRUE(found);
  const auto json = nlohmann::json::parse(to_json(*found, settings_.task));
  EXPECT_EQ(json["ending"], "named");
  EXPECT_EQ(json["suspects"], nlohmann::json({"c5"}));
  EXPECT_GE(json["confidence"].get<double>(), 0.99);
  EXPECT_EQ(json["sought"]["case"], kCase);
  EXPECT_EQ(json["reverted"], "passes");
}

TEST(Judge, OnlyTheSameFailureCounts) {
  const Sought sought{.key = kCase, .type = "kernel.oops", .fingerprint = "oops: a", .message = {}};
  EXPECT_EQ(judge({failure("kernel.oops", "oops: a")}, sought).seen, Seen::kFailed);
  EXPECT_EQ(judge({failure("kernel.oops", "oops: b")}, sought).seen, Seen::kOther);
  EXPECT_EQ(judge({failure("kernel.hang")}, sought).seen, Seen::kOther);
  EXPECT_EQ(judge({pass()}, sought).seen, Seen::kPassed);
  EXPECT_EQ(judge({lab()}, sought).seen, Seen::kLab);
  EXPECT_EQ(judge({}, sought).seen, Seen::kLab);
  EXPECT_EQ(judge({lab(), pass()}, {}).seen, Seen::kLab) << "what the lab spoilt might have failed";
}

}  // namespace
}  // namespace holdfast::bisect
