// Does a night tell what ran and what did not, what is new and since when, and keep what later nights need?
#include "reports/nightly/night.h"

#include <gmock/gmock.h>

#include "harness/base/text.h"
#include "harness/crash/fingerprint.h"
#include "reports/history/sample_runs_test.h"
#include "reports/nightly/news.h"
#include "reports/nightly/retention.h"
#include "reports/nightly/soak.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using sample::settled;
using sample::told;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Verdict kPass = Verdict::passed();
const CaseId kOne = {"S", "One", "nvme"};
const CaseId kTwo = {"S", "Two", ""};
const OnTrouble kFail = [](const Error& error) { ADD_FAILURE() << error.what; };

Verdict oops(const std::string& fingerprint) {
  return Verdict::from(kernel_error("oops", "kernel B: BUG: unable to handle page fault for address: ffff8880deadbeef")
                           .with("crash", "fingerprint: " + fingerprint + "\n\nBUG: ...\n"));
}

class Nights : public sample::Runs {
 protected:
  /// A night with one job on the target "qemu", whose kernel is at `commit`.
  RunResults night(int day, const std::string& commit, const std::vector<CaseSettled>& cases,
                   const std::vector<std::pair<std::string, CaseId>>& planned = {}, const KnownFailure& known = {}) {
    std::vector<std::vector<Event>> events;
    for (const CaseSettled& one : cases) events.push_back(told(one));
    const std::string number = std::to_string(day);
    const fs::path dir = path() / ("2001091" + number + "T000000Z-00000" + number);
    EXPECT_TRUE(make_dirs(dir / "runs"));
    fs::rename(write_run("j" + number, day, events), dir / "runs" / ("j" + number));
    auto results = read_results(dir / "runs" / ("j" + number));
    EXPECT_TRUE(results);
    DoneJob job{.suites = {{"qemu", "qemu/main..main smoke"}},
                .facts = {{kNightTree, "/src/linux"},
                          {kNightCommit, commit},
                          {kNightNextTree, "/src/linux"},
                          {kNightNextCommit, commit},
                          {kNightBisect, "--target=qemu"}},
                .planned = planned,
                .results = *std::move(results),
                .rest = Verdict::from(cannot("out of time"))};
    Night whole{.run_id = "n" + number, .dir = dir, .properties = {{kNightPlan, "lab"}}, .known = known};
    whole.jobs.push_back(std::move(job));
    const auto written = write_night(dir, *night_log(std::move(whole)),
                                     {.program_version = "1", .argv = {"holdfast"}, .host = "h"}, kFail);
    EXPECT_TRUE(written) << written.error().what;
    auto read = read_results(dir);
    EXPECT_TRUE(read) << read.error().what;
    return *std::move(read);
  }
};

TEST_F(Nights, TellWhatDidNotFitAndWhy) {
  const RunResults one = night(1, "aaaa", {settled(kOne, {kPass})}, {{"qemu", kOne}, {"qemu", kTwo}});
  const Tally tally = one.record.tally();
  EXPECT_EQ(tally.passed, 1);
  EXPECT_EQ(tally.skipped, 1);
  const auto& suite = one.record.suites().at("qemu/main..main smoke");
  EXPECT_EQ(suite.cases.at(kTwo).verdict.message, "out of time");
  EXPECT_EQ(suite.facts.at(kNightCommit), "aaaa");
  EXPECT_EQ(one.record.started().properties.at(kNightPlan), "lab");
  const auto& attempt = suite.cases.at(kOne).attempts.front();
  EXPECT_EQ(attempt.dir, "runs/j1/" + attempt_dir(attempt.where)) << "seen from the night's folder";
}

TEST_F(Nights, CountAKernelThatIsNotThere) {
  Night whole{.run_id = "n", .dir = path(), .properties = {{kNightPlan, "lab"}}};
  whole.kernels.push_back({.name = "main", .verdict = Verdict::from(kernel_error("build", "it does not compile"))});
  whole.begun = WallClock::time_point(std::chrono::seconds(1'000'000'000));
  const JournalEvents log = *night_log(std::move(whole));
  RunRecord record;
  for (const Event& event : log.events) record.add(event);
  EXPECT_EQ(record.tally().failed, 1);
  EXPECT_EQ(record.ended()->exit_code, 1);
  EXPECT_TRUE(record.suites().contains("kernels/main"));
  EXPECT_EQ(iso_utc(log.times.front()), "2001-09-09T01:46:40Z") << "the night's own begin";
}

TEST_F(Nights, ARegressionIsToldWithItsFingerprintRangeAndBisection) {
  std::vector<RunResults> earlier;
  earlier.push_back(night(1, "aaaa", {settled(kOne, {kPass}), settled(kTwo, {kPass})}));
  const RunResults tonight = night(2, "bbbb", {settled(kOne, {oops("0f1e2d")}), settled(kTwo, {kPass})});
  const NightNews news = news_of(tonight, earlier);
  ASSERT_THAT(news.new_failures, SizeIs(1));
  EXPECT_EQ(news.new_failures[0].mark, "kernel.oops 0f1e2d");
  ASSERT_THAT(news.new_failures[0].cases, SizeIs(1));
  const NightCase& one = news.new_failures[0].cases[0];
  EXPECT_EQ(one.id.key(), "S.One/nvme");
  EXPECT_THAT(one.last_good, HasSubstr("n1 of 2001-"));
  ASSERT_THAT(one.ranges, SizeIs(1)) << "both kernels are the same: one range";
  EXPECT_EQ(one.ranges[0].command,
            "holdfast bisect --tree /src/linux --good aaaa --bad bbbb --filter S.One/nvme --target=qemu");
  const std::string text = news_text(news, tonight);
  EXPECT_THAT(text, AllOf(HasSubstr("New failures: 1 case in 1 group"), HasSubstr("kernel.oops 0f1e2d"),
                          HasSubstr("S.One/nvme  on qemu/main..main smoke"), HasSubstr("aaaa..bbbb of /src/linux")));
  EXPECT_EQ(news_subject(news, "lab"), "[holdfast] lab: 1 new failure; 1 passed, 1 failed, 0 errors, 0 skipped");
}

TEST_F(Nights, TheRangeEndsWhereTheFailureWasFirstSeen) {
  std::vector<RunResults> earlier;  // the newest first
  earlier.push_back(night(3, "cccc", {settled(kOne, {sample::vm_killed()})}));
  earlier.push_back(night(2, "bbbb", {settled(kOne, {oops("0f")})}));
  earlier.push_back(night(1, "aaaa", {settled(kOne, {kPass})}));
  const RunResults tonight = night(4, "dddd", {settled(kOne, {oops("0f")})});
  const NightNews news = news_of(tonight, earlier);
  EXPECT_THAT(news.new_failures, IsEmpty());
  ASSERT_THAT(news.still_failing, SizeIs(1));
  const NightCase& one = news.still_failing[0].cases[0];
  EXPECT_THAT(one.failing_since, HasSubstr("n2"));
  ASSERT_THAT(one.ranges, SizeIs(1));
  EXPECT_EQ(one.ranges[0].good + ".." + one.ranges[0].bad, "aaaa..bbbb");
  EXPECT_FALSE(news.has_news());
  EXPECT_TRUE(news.has_problems());
}

TEST_F(Nights, AnotherFailureOfTheSameCaseIsNew) {
  std::vector<RunResults> earlier;
  earlier.push_back(night(2, "bbbb", {settled(kOne, {oops("0f")}), settled(kTwo, {sample::hang()})}));
  earlier.push_back(night(1, "aaaa", {settled(kOne, {kPass}), settled(kTwo, {kPass})}));
  const RunResults tonight = night(3, "cccc", {settled(kOne, {oops("77")}), settled(kTwo, {kPass})});
  const NightNews news = news_of(tonight, earlier);
  ASSERT_THAT(news.new_failures, SizeIs(1));
  EXPECT_EQ(news.new_failures[0].mark, "kernel.oops 77");
  EXPECT_EQ(news.new_failures[0].cases[0].ranges[0].good, "aaaa");
  EXPECT_EQ(news.new_failures[0].cases[0].ranges[0].bad, "cccc");
  ASSERT_THAT(news.fixed, SizeIs(1));
  EXPECT_EQ(news.fixed[0].id.key(), "S.Two");
}

TEST_F(Nights, FailuresOfOneKindAreOneGroup) {
  const RunResults tonight =
      night(1, "aaaa",
            {settled(kOne, {oops("0f")}), settled(kTwo, {oops("0f")}), settled({"S", "Three", ""}, {sample::hang()})});
  const NightNews news = news_of(tonight, {});
  ASSERT_THAT(news.new_failures, SizeIs(2));
  EXPECT_THAT(news_text(news, tonight), HasSubstr("New failures: 3 cases in 2 groups"));
  EXPECT_THAT(news_text(news, tonight), HasSubstr("It is the first one"));
}

TEST_F(Nights, WithoutCommitsThereIsNoRangeAndItSaysSo) {
  std::vector<RunResults> earlier;
  earlier.push_back(night(1, "aaaa", {settled(kOne, {kPass})}));
  const RunResults tonight = night(2, "aaaa", {settled(kOne, {oops("0f")})});
  EXPECT_THAT(news_text(news_of(tonight, earlier), tonight), HasSubstr("no commit lies between"));
}

TEST_F(Nights, AKnownFailureIsShownAndFailsNothing) {
  const KnownFailure known = [](const std::string&, const CaseSettled& failed) -> std::optional<std::string> {
    if (failed.id != kOne) return std::nullopt;
    return "until 2031-05-17 (reported)";
  };
  const RunResults tonight = night(1, "aaaa", {settled(kOne, {oops("0f")}), settled(kTwo, {kPass})}, {}, known);
  EXPECT_EQ(tonight.record.ended()->exit_code, 0);
  const NightNews news = news_of(tonight, {});
  ASSERT_THAT(news.known, SizeIs(1));
  EXPECT_THAT(news_text(news, tonight), AllOf(HasSubstr("In quarantine: 1"), HasSubstr("until 2031-05-17 (reported)"),
                                              HasSubstr("kernel.oops"), Not(HasSubstr("New failures"))));
  // It is no news when the rule has expired and the failure is the same.
  std::vector<RunResults> earlier;
  earlier.push_back(night(2, "aaaa", {settled(kOne, {oops("0f")})}, {}, known));
  EXPECT_THAT(news_of(night(3, "bbbb", {settled(kOne, {oops("0f")})}), earlier).still_failing, SizeIs(1));
}

TEST_F(Nights, OfThePlanAreFoundTheNewestFirst) {
  night(1, "aaaa", {settled(kOne, {kPass})});
  night(2, "aaaa", {settled(kOne, {kPass})});
  std::vector<std::string> unreadable;
  ASSERT_TRUE(make_dirs(path() / "broken"));
  const std::string whole = *read_file(path() / "20010911T000000Z-000001/journal.jsonl");
  ASSERT_TRUE(write_file(path() / "broken/journal.jsonl", whole.substr(0, whole.find('\n') + 1) + "{\"no\": 1}\n"));
  ASSERT_TRUE(make_dirs(path() / "other"));
  ASSERT_TRUE(write_file(path() / "other/journal.jsonl", "{\"no\": 1}\n"));
  const auto found = earlier_nights(path(), "lab", "20010912T000000Z-000002", unreadable);
  ASSERT_THAT(found, SizeIs(1)) << "neither tonight nor plain runs";
  EXPECT_EQ(found[0].name(), "n1");
  EXPECT_THAT(unreadable, SizeIs(1));
  EXPECT_THAT(earlier_nights(path(), "other", "", unreadable), IsEmpty());
}

TEST_F(Nights, TheLastGoodOnesStayWhateverTheirAge) {
  std::vector<RunResults> nights;
  nights.push_back(night(6, "f", {settled(kOne, {oops("0f")}), settled(kTwo, {kPass})}));
  nights.push_back(night(5, "e", {settled(kOne, {oops("0f")}), settled(kTwo, {kPass})}));
  nights.push_back(night(4, "d", {settled(kOne, {kPass}), settled(kTwo, {oops("0f")})}));
  nights.push_back(night(3, "c", {settled(kOne, {kPass}), settled(kTwo, {kPass})}));
  nights.push_back(night(2, "b", {settled(kOne, {kPass}), settled(kTwo, {kPass})}));
  const auto now = nights.front().begun() + std::chrono::hours(1);
  EXPECT_THAT(nights_to_remove(nights, {}, now), IsEmpty()) << "nobody asked for it";
  EXPECT_THAT(nights_to_remove(nights, {.newest = 1, .days = 0}, now), ElementsAre(nights[1].folder, nights[4].folder))
      << "4 has the last pass of One, 3 is the last in which all was well";
  EXPECT_THAT(nights_to_remove(nights, {.newest = 0, .days = 2}, now), ElementsAre(nights[4].folder));
  EXPECT_THAT(nights_to_remove(nights, {.newest = 1, .days = 30}, now), IsEmpty());
}

TEST_F(Nights, NothingIsRemovedButARunsFolder) {
  const RunResults one = night(1, "aaaa", {settled(kOne, {kPass})});
  const fs::path other = path() / "20010101T000000Z-abcdef";
  ASSERT_TRUE(make_dirs(other));
  ASSERT_TRUE(write_file(other / "precious", "x"));
  for (const fs::path& wrong : {path(), one.folder / "runs/j1", other, path() / "absent"}) {
    const auto removed = remove_run_folder(wrong);
    ASSERT_FALSE(removed) << wrong;
    EXPECT_EQ(removed.error().type(), "harness.not-a-run");
  }
  const fs::path link = path() / "20010102T000000Z-abcdef";
  fs::create_directory_symlink(one.folder, link);
  EXPECT_FALSE(remove_run_folder(link));
  EXPECT_TRUE(fs::exists(other / "precious"));
  ASSERT_TRUE(remove_run_folder(one.folder));
  EXPECT_FALSE(fs::exists(one.folder));
  fs::create_directories(path() / ".removing-20010103T000000Z-abcdef/x");
  fs::create_directories(path() / ".removing-something");
  finish_removals(path());
  EXPECT_FALSE(fs::exists(path() / ".removing-20010103T000000Z-abcdef"));
  EXPECT_TRUE(fs::exists(path() / ".removing-something"));
}

TEST(FailureMark, IsTheSameForTheSameFailure) {
  const auto mark = [](const std::string& message) {
    return mark_of(settled(kOne, {Verdict::from(kernel_error("hang", message))}));
  };
  EXPECT_EQ(mark("kernel B was silent for 30 s after the kexec"), mark("kernel B was silent for 31 s after the kexec"));
  EXPECT_NE(mark("kernel B was silent for 30 s"), mark("kernel A was silent for 30 s"));
  EXPECT_EQ(mark_of(settled(kOne, {kPass, oops("ab")})), "kernel.oops ab");
  EXPECT_EQ(mark_of(settled(kOne, {kPass})), "");
}

TEST(SoakLines, TellTheTrendOfEachFigureAndOfTheBlackout) {
  CaseSettled one = settled(kOne, {kPass});
  EXPECT_THAT(soak_lines(one), IsEmpty());
  one.attempts.back().properties["soak.slab"] = "10000 12000 14000 16000 18000 20000";
  for (int i = 1; i <= 6; ++i) {
    one.milestones[i == 1 ? "agent" : "agent#" + std::to_string(i)] = std::chrono::milliseconds(1000 + 200 * i);
  }
  EXPECT_THAT(soak_lines(one), ElementsAre("6 live updates", "slab, KiB: 10000 to 20000 (+2000.0 per update), it grows",
                                           "blackout, ms: 1200 to 2200 (+200.0 per update), it grows"));
}

}  // namespace
}  // namespace holdfast::reports
