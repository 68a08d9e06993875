// Is every case that was submitted in the report, once, whatever became of its task?
#include "reports/submission.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/history/sample_runs_test.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class SubmissionTest : public sample::Runs {
 protected:
  static CaseId named(const std::string& name) { return {.suite = "Luo", .name = name, .device = ""}; }
  static ExpectedCase expected(const std::string& name, int task, const std::string& skip = {}) {
    return {.suite = sample::kSuite, .target = "qemu", .id = named(name), .task = task, .skip_reason = skip};
  }
  static std::vector<Event> settled(const std::string& name, const Verdict& verdict) {
    return sample::told(sample::settled(named(name), {verdict}));
  }
  fs::path array(const std::string& name = "k1-vms") const { return path() / "s" / name; }
  /// The run of a task, as it stands in the submission.
  void task_left(int task, const std::vector<std::vector<Event>>& cases, const std::string& in = "k1-vms") {
    const fs::path run = write_run(fmt::format("{}{}", in, task), 1, cases);
    fs::rename(run, task_folder(array(in), task));
  }
  Properties kernels() const { return {{"kernel.build_id", build_id_}}; }
  ReportAnswer merged() {
    auto answer = report_submission(path() / "s");
    EXPECT_TRUE(answer.ok()) << answer.error().what;
    xml_ = *read_file(path() / "s/merged/junit.xml");
    return *answer;
  }
  std::string xml_;
};

TEST_F(SubmissionTest, HasEachCaseOnce) {
  ASSERT_TRUE(
      write_expected(array(), {expected("One", 1), expected("Two", 2), expected("No", 2, "why")}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())});
  task_left(2, {settled("Two", Verdict::passed())});
  EXPECT_EQ(merged().exit_code, 0);
  EXPECT_THAT(xml_, HasSubstr(R"(tests="3" failures="0" errors="0" skipped="1")"));
  EXPECT_THAT(xml_, HasSubstr(R"(message="why")"));
}

TEST_F(SubmissionTest, ACaseWithoutAResultIsAnErrorWithTheEndOfItsTasksLog) {
  ASSERT_TRUE(write_expected(array(), {expected("One", 1), expected("Two", 2)}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())});
  ASSERT_TRUE(write_file(task_log(array(), 2), "slurmstepd: error: node failure\n").ok());
  EXPECT_EQ(merged().exit_code, 2);
  EXPECT_THAT(xml_, HasSubstr(R"(type="lab.no-result" message="task 2 left no result of it")"));
  EXPECT_THAT(xml_, HasSubstr("slurmstepd: error: node failure"));
}

TEST_F(SubmissionTest, MayBeMergedBeforeAndAfterTheLastTaskIsThere) {
  ASSERT_TRUE(write_expected(array(), {expected("One", 1), expected("Two", 2)}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())});
  EXPECT_EQ(merged().exit_code, 2);
  task_left(2, {settled("Two", sample::hang())});
  EXPECT_EQ(merged().exit_code, 1);
  EXPECT_THAT(xml_, Not(HasSubstr("lab.no-result")));
  const std::string once = xml_;
  merged();
  EXPECT_EQ(xml_, once);
}

TEST_F(SubmissionTest, ATaskWhoseResultsCannotBeReadSpoilsNoOther) {
  ASSERT_TRUE(write_expected(array(), {expected("One", 1), expected("Two", 2)}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())});
  ASSERT_TRUE(make_dirs(task_folder(array(), 2)).ok());
  ASSERT_TRUE(write_file(task_folder(array(), 2) / "journal.jsonl", "{\"nonsense\":1}\n").ok());
  EXPECT_EQ(merged().exit_code, 2);
  EXPECT_THAT(xml_, HasSubstr("lab.no-result"));
  EXPECT_THAT(xml_, HasSubstr("its results"));
}

TEST_F(SubmissionTest, KeepsKernelsOfTheSameReleaseApart) {
  build_id_ = "aaaaaaaaaaaa";
  ASSERT_TRUE(write_expected(array("k1-vms"), {expected("One", 1)}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())}, "k1-vms");
  build_id_ = "bbbbbbbbbbbb";
  ASSERT_TRUE(write_expected(array("k2-vms"), {expected("One", 1), expected("Two", 2)}, kernels()).ok());
  task_left(1, {settled("One", sample::hang())}, "k2-vms");
  EXPECT_EQ(merged().exit_code, 1);
  EXPECT_THAT(xml_, Not(HasSubstr("flaky")));
  EXPECT_THAT(xml_, HasSubstr(R"(<testsuites name="holdfast" tests="3" failures="1" errors="1")"));
}

TEST_F(SubmissionTest, ATaskThatNeverBeganInItsTimeHasItsCasesSkipped) {
  Properties properties = kernels();
  properties[kBeginsUntil] = "2001-09-09T06:00:00Z";
  ASSERT_TRUE(write_expected(array(), {expected("One", 1), expected("Two", 2), expected("Three", 3)}, properties).ok());
  task_left(1, {settled("One", Verdict::passed())});
  ASSERT_TRUE(write_file(task_log(array(), 3), "slurmstepd: error: node failure\n").ok());
  const auto at = [&](std::string_view time) {
    const auto answer = report_submission(path() / "s", {}, *from_iso_utc(time));
    EXPECT_TRUE(answer.ok());
    xml_ = *read_file(path() / "s/merged/junit.xml");
  };
  at("2001-09-09T05:59:59Z");
  EXPECT_THAT(xml_, HasSubstr(R"(tests="3" failures="0" errors="2" skipped="0")")) << "there was time left";
  at("2001-09-09T06:00:00Z");
  EXPECT_THAT(xml_, HasSubstr(R"(tests="3" failures="0" errors="1" skipped="1")")) << "the third had begun";
  EXPECT_THAT(xml_, HasSubstr("out of time: its task had not begun by 2001-09-09T06:00:00Z"));
  EXPECT_THAT(xml_, HasSubstr("task 3 left no result of it"));
}

TEST_F(SubmissionTest, StandsUnderTheSuitesThatAreExpected) {
  ExpectedCase one = expected("One", 1);
  one.suite = "qemu/main..main smoke";
  ASSERT_TRUE(write_expected(array(), {one}, kernels()).ok());
  task_left(1, {settled("One", Verdict::passed())});
  merged();
  EXPECT_THAT(xml_, HasSubstr(R"(<testsuite name="qemu/main..main smoke")"));
  EXPECT_THAT(xml_, Not(HasSubstr(sample::kSuite)));
}

TEST_F(SubmissionTest, TwoArraysOfTheSameMachinesAndKernelsAreNoShardsOfOneRun) {
  for (const char* name : {"cards", "smoke"}) {
    ASSERT_TRUE(write_expected(array(name), {expected(name, 1)}, kernels()).ok());
    properties_ = {{"target", "qemu"}, {"shard", "1/1"}, {"shard.deal", name}};
    task_left(1, {settled(name, Verdict::passed())}, name);
  }
  EXPECT_EQ(merged().exit_code, 0);
}

TEST_F(SubmissionTest, WhatIsKnownFailsNothingAndWhatIsNotDoes) {
  ASSERT_TRUE(write_expected(array(), {expected("One", 1), expected("Two", 1)}, kernels()).ok());
  task_left(1, {settled("One", sample::hang()), settled("Two", Verdict::passed())});
  EXPECT_EQ(merged().exit_code, 1);
  const KnownFailure known = [](const std::string& suite, const CaseSettled& failed) -> std::optional<std::string> {
    EXPECT_EQ(suite, sample::kSuite);
    if (failed.id.name != "One") return std::nullopt;
    return "until 2031-05-17 (reported)";
  };
  EXPECT_EQ(report_submission(path() / "s", known)->exit_code, 0);
  xml_ = *read_file(path() / "s/merged/junit.xml");
  EXPECT_THAT(xml_, HasSubstr("known failure until 2031-05-17 (reported): kernel.hang"));
  EXPECT_THAT(xml_, HasSubstr(R"(tests="2" failures="0" errors="0" skipped="1")"));
}

TEST_F(SubmissionTest, TellsWhatHasItsResultWithoutATask) {
  ExpectedCase kernel = expected("KernelIsThere", 1);
  kernel.result = Verdict::from(kernel_error("build", "it does not compile"));
  ASSERT_TRUE(write_expected(array("kernels"), {kernel}, {}).ok());
  EXPECT_EQ(merged().exit_code, 1);
  EXPECT_THAT(xml_, HasSubstr("it does not compile"));
}

TEST_F(SubmissionTest, IsToldFromOtherFolders) {
  const auto answer = report_submission(path());
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().what, HasSubstr("there is no submission"));
}

}  // namespace
}  // namespace holdfast::reports
