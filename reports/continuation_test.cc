// Is nothing lost and nothing there twice, however often a run is cut off?
#include "reports/continuation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"
#include "harness/event_codec.h"
#include "reports/history/merge.h"
#include "reports/history/sample_runs_test.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const CaseId kOther{.suite = "Luo", .name = "Other", .device = ""};
const CaseId kCut{.suite = "Luo", .name = "CutOff", .device = ""};

class ContinuationTest : public testing::Test {
 protected:
  /// Writes these events as a journal; no RunEnded, as a kill leaves it.
  void write(const std::vector<Event>& events) {
    auto journal = Journal::open(folder_ / "journal.jsonl", [](const Error& error) { ADD_FAILURE() << error.what; });
    ASSERT_TRUE(journal.ok());
    for (const Event& event : events) (*journal)->on(event);
  }
  void write_sample() {
    RunStarted started = sample::run_started(folder_.string());
    started.properties["kernel.build_id"] = "cafe";
    std::vector<Event> events{started};
    for (const auto& settled :
         {sample::settled(sample::kKeeps, {Verdict::passed()}), sample::settled(sample::kMemfd, {sample::vm_killed()}),
          sample::settled(kOther, {sample::hang()})}) {
      for (Event& event : sample::told(settled)) events.push_back(std::move(event));
    }
    events.emplace_back(CaseStarted{sample::at(kCut)});
    events.emplace_back(PhaseEnded{.where = sample::at(kCut), .phase = "boot", .took = {}, .ok = true});
    write(events);
  }
  std::string journal() const { return *read_file(folder_ / "journal.jsonl"); }
  Result<std::optional<Continuation>> taken_up() const { return take_up(folder_, {{"kernel.build_id", "cafe"}}); }

  TempDir dir_ = *TempDir::create("holdfast-continuation");
  fs::path folder_ = dir_.path();
};

TEST_F(ContinuationTest, KeepsWhatWasJudgedAndTriesErrorsAgain) {
  write_sample();
  const auto found = taken_up();
  ASSERT_TRUE(found.ok()) << found.error().what;
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->run_id, "k3f9");
  EXPECT_EQ((*found)->settled,
            (std::map<std::pair<std::string, CaseId>, Outcome>{{{"qemu", sample::kKeeps}, Outcome::kPassed},
                                                               {{"qemu", kOther}, Outcome::kFailed}}));
}

TEST_F(ContinuationTest, LeavesAJournalOfWhatIsKeptAlone) {
  write_sample();
  ASSERT_TRUE(taken_up().ok());
  EXPECT_THAT(journal(), HasSubstr("DeviceKeepsItsAddress"));
  EXPECT_THAT(journal(), Not(HasSubstr("CutOff")));
  EXPECT_THAT(journal(), Not(HasSubstr("vm-killed")));
  const std::string once = journal();
  ASSERT_TRUE(taken_up().ok());
  EXPECT_EQ(journal(), once) << "cut off once more before anything new was settled";
}

TEST_F(ContinuationTest, ALineThatAKillHasCutIsNoHarm) {
  write_sample();
  const std::string whole = journal();
  ASSERT_TRUE(write_file(folder_ / "journal.jsonl", whole + R"({"at":"2001-09-09T01:46:40Z","event":"case-set)").ok());
  const auto found = taken_up();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->settled.size(), 2U);
  EXPECT_TRUE(read_journal(folder_ / "journal.jsonl")->broken.empty());
}

TEST_F(ContinuationTest, RemovesTheFoldersOfAttemptsThatAreNotKept) {
  write_sample();
  for (const CaseId& id : {sample::kKeeps, sample::kMemfd, kCut}) {
    ASSERT_TRUE(make_dirs(folder_ / attempt_dir(sample::at(id))).ok());
  }
  ASSERT_TRUE(taken_up().ok());
  EXPECT_TRUE(fs::exists(folder_ / attempt_dir(sample::at(sample::kKeeps))));
  EXPECT_FALSE(fs::exists(folder_ / attempt_dir(sample::at(sample::kMemfd))));
  EXPECT_FALSE(fs::exists(folder_ / attempt_dir(sample::at(kCut))));
}

TEST_F(ContinuationTest, RefusesAFolderOfAnotherKernel) {
  write_sample();
  const auto found = take_up(folder_, {{"kernel.build_id", "beef"}});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().type(), "harness.usage");
  EXPECT_THAT(found.error().what, HasSubstr("kernel.build_id is 'cafe', and would be 'beef'"));
  EXPECT_THAT(journal(), HasSubstr("vm-killed")) << "and touches nothing";
}

TEST_F(ContinuationTest, BeginsAnewWhereThereIsNothing) {
  EXPECT_FALSE(taken_up()->has_value());
  ASSERT_TRUE(write_file(folder_ / "journal.jsonl", "{\"at\":\"20").ok());
  EXPECT_FALSE(taken_up()->has_value());
  EXPECT_FALSE(fs::exists(folder_ / "journal.jsonl"));
}

/// Keeps what it hears.
struct Heard : EventSink {
  explicit Heard(std::vector<Event>& into) : events(into) {}
  void on(const Event& event) override { events.push_back(event); }
  std::vector<Event>& events;
};

TEST_F(ContinuationTest, ConsumersHearEverythingOnceAndTheJournalWhatIsNew) {
  write_sample();
  Continuation found = **taken_up();
  std::vector<Event> everything;
  std::vector<Event> fresh;
  struct Both : EventSink {
    std::vector<std::unique_ptr<EventSink>> sinks;
    void on(const Event& event) override {
      for (const auto& sink : sinks) sink->on(event);
    }
  } both;
  both.sinks.push_back(std::make_unique<NewOnly>(std::make_unique<Heard>(fresh), found.kept.size()));
  both.sinks.push_back(std::make_unique<Heard>(everything));
  Retelling retelling(both, found.kept);
  retelling.on(Note{Note::Level::kInfo, "before"});
  retelling.on(sample::run_started(folder_.string()));
  for (const Event& event : sample::told(sample::settled(kCut, {Verdict::passed()}))) retelling.on(event);
  EXPECT_EQ(fresh.size(), 1 + sample::told(sample::settled(kCut, {Verdict::passed()})).size());
  EXPECT_EQ(everything.size(), fresh.size() + 1 + found.kept.size());
  std::map<std::string, int> times;
  for (const Event& event : everything) {
    if (const auto* settled = std::get_if<CaseSettled>(&event)) ++times[settled->id.key()];
  }
  EXPECT_EQ(times, (std::map<std::string, int>{{sample::kKeeps.key(), 1}, {kOther.key(), 1}, {kCut.key(), 1}}));
}

}  // namespace
}  // namespace holdfast::reports
