// Is nothing lost and nothing there twice, however often a run is cut off?
#include "reports/continuation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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
  Result<std::optional<Continuation>> taken_up(bool errors_again = true) const {
    return take_up(folder_, {.same = {{"kernel.build_id", "cafe"}}, .errors_again = errors_again});
  }

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

TEST_F(ContinuationTest, CountsErrorsAsTheyWereWhenNobodyWantsThemAgain) {
  write_sample();
  const auto found = taken_up(/*errors_again=*/false);
  ASSERT_TRUE(found.ok() && *found);
  EXPECT_EQ((*found)->settled.size(), 3U);
  EXPECT_EQ((*found)->settled.at({"qemu", sample::kMemfd}), Outcome::kError);
}

TEST_F(ContinuationTest, ForgetsNoAttempt) {
  write_sample();
  const Continuation found = **taken_up();
  ASSERT_EQ(found.begun.size(), 2U);
  const Begun& error = found.begun.at({"qemu", sample::kMemfd});
  EXPECT_TRUE(error.again);
  ASSERT_EQ(error.attempts.size(), 1U);
  EXPECT_EQ(error.attempts[0].verdict.type, "lab.vm-killed");
}

TEST_F(ContinuationTest, EndsAnAttemptThatWasCutOffWithWhatIsKnown) {
  write_sample();
  const std::string begun = R"({"at":"2001-09-09T01:46:50Z",)" +
                            encode(PhaseStarted{.where = sample::at(kCut), .phase = "kexec"}).substr(1) + "\n" +
                            R"({"at":"2001-09-09T01:47:00Z",)" +
                            encode(Intent{.where = sample::at(kCut), .action = "leave", .details = {}}).substr(1);
  ASSERT_TRUE(write_file(folder_ / "journal.jsonl", journal() + begun + "\n").ok());
  ASSERT_TRUE(make_dirs(folder_ / attempt_dir(sample::at(kCut))).ok());
  ASSERT_TRUE(write_file(folder_ / attempt_dir(sample::at(kCut)) / "console.log", "[1.0] kexec_core: Starting").ok());
  const Continuation found = **taken_up();
  const Begun& cut = found.begun.at({"qemu", kCut});
  EXPECT_FALSE(cut.again);
  ASSERT_EQ(cut.attempts.size(), 1U);
  const Verdict& verdict = cut.attempts[0].verdict;
  EXPECT_EQ(verdict.outcome, Outcome::kError);
  EXPECT_EQ(verdict.type, kInterruptedType);
  EXPECT_THAT(verdict.message, HasSubstr("in phase kexec"));
  EXPECT_THAT(verdict.message, HasSubstr("about to do: leave"));
  ASSERT_EQ(verdict.evidence.size(), 2U);
  EXPECT_THAT(verdict.evidence[0].text, HasSubstr("2001-09-09T01:46:50Z phase kexec began"));
  EXPECT_THAT(verdict.evidence[1].text, HasSubstr("kexec_core: Starting"));
  EXPECT_EQ(cut.attempts[0].dir, attempt_dir(sample::at(kCut)));
}

TEST_F(ContinuationTest, OfWhatWasCutOffTwiceBothAttemptsAreTold) {
  write_sample();
  ASSERT_TRUE(taken_up().ok());
  const std::string once = journal();
  ASSERT_TRUE(taken_up().ok());
  EXPECT_EQ(journal(), once) << "cut off once more before anything new was begun";
  auto again = Journal::open(folder_ / "journal.jsonl", nullptr);
  (*again)->on(CaseStarted{sample::at(kCut, 2)});
  const Continuation found = **taken_up();
  const Begun& cut = found.begun.at({"qemu", kCut});
  ASSERT_EQ(cut.attempts.size(), 2U);
  EXPECT_EQ(cut.attempts[1].where.attempt, 2);
}

TEST_F(ContinuationTest, WhatWasSettledAsInterruptedIsTriedAgainWhenAskedFor) {
  const Verdict cut = Verdict::from(harness_error("interrupted", "the run was cut off"));
  std::vector<Event> events{sample::run_started(folder_.string())};
  for (Event& event : sample::told(sample::settled(kCut, {cut}))) events.push_back(std::move(event));
  write(events);
  EXPECT_EQ((*look_up(folder_, {.errors_again = true}))->settled.size(), 1U) << "nobody has asked for that";
  const auto found = *look_up(folder_, {.interrupted_again = true});
  EXPECT_TRUE(found->settled.empty());
  EXPECT_TRUE(found->begun.at({"qemu", kCut}).again);
}

/// Goes on as a run does, and gives how often each case was settled in the end.
std::map<std::string, int> gone_on(const fs::path& folder, const std::set<CaseId>& plan) {
  const auto found = take_up(folder, {});
  if (!found || !*found) return {};
  auto journal = Journal::open(folder / "journal.jsonl", [](const Error& error) { ADD_FAILURE() << error.what; });
  for (const CaseId& id : plan) {
    if ((*found)->settled.contains({"qemu", id})) continue;
    for (const Event& event : sample::told(sample::settled(id, {Verdict::passed()}))) (*journal)->on(event);
  }
  std::map<std::string, int> times;
  const auto whole = read_journal(folder / "journal.jsonl");
  for (const Event& event : whole->events) {
    if (const auto* settled = std::get_if<CaseSettled>(&event)) ++times[settled->id.key()];
  }
  return times;
}

TEST_F(ContinuationTest, WhereverTheJournalWasCutEachCaseCountsOnce) {
  std::vector<Event> events{sample::run_started(folder_.string())};
  for (const CaseId& id : {sample::kKeeps, kOther}) {
    for (Event& event : sample::told(sample::settled(id, {Verdict::passed()}))) events.push_back(std::move(event));
  }
  events.emplace_back(CaseStarted{sample::at(kCut)});
  write(events);
  const std::string whole = journal();
  const std::set<CaseId> plan{sample::kKeeps, kOther, kCut};
  const std::map<std::string, int> once{{sample::kKeeps.key(), 1}, {kOther.key(), 1}, {kCut.key(), 1}};
  size_t begun = 0;
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string left = whole.substr(0, cut);
    ASSERT_TRUE(write_file(folder_ / "journal.jsonl", left).ok());
    const auto found = look_up(folder_, {});
    ASSERT_TRUE(found.ok()) << found.error().what << " at byte " << cut;
    if (!*found) continue;
    ++begun;
    size_t settled = 0;  // whole lines, with or without the newline
    for (const std::string_view line : split(left, '\n')) {
      if (line.find("\"case-settled\"") != std::string_view::npos && decode_event(line).ok()) ++settled;
    }
    ASSERT_EQ((*found)->settled.size(), settled) << "at byte " << cut;
    size_t kept = 0;
    for (const Event& event : (*found)->kept) kept += std::holds_alternative<CaseSettled>(event) ? 1 : 0;
    ASSERT_EQ(kept, settled) << "at byte " << cut;
    // Each run that goes on syncs its journal: one at each line's end, and some within lines, will do.
    constexpr size_t kSome = 211;
    if (cut % kSome != 0 && cut < whole.size() && whole[cut] != '\n') continue;
    ASSERT_EQ(gone_on(folder_, plan), once) << "at byte " << cut;
  }
  EXPECT_GT(begun, whole.size() / 2) << "most cuts leave a run that has begun";
}

TEST_F(ContinuationTest, AJournalThatLostItsBeginningIsNotThrownAway) {
  write_sample();
  const std::string whole = journal();
  const std::string rest = std::string(64, '\0') + whole.substr(64);
  ASSERT_TRUE(write_file(folder_ / "journal.jsonl", rest).ok());
  const auto found = taken_up();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().type(), "harness.broken");
  EXPECT_EQ(journal(), rest);
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

TEST_F(ContinuationTest, RefusesAFolderOfAnotherKernel) {
  write_sample();
  const auto found = take_up(folder_, {.same = {{"kernel.build_id", "beef"}}});
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
