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

TEST_F(SubmissionTest, IsToldFromOtherFolders) {
  const auto answer = report_submission(path());
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().what, HasSubstr("there is no submission"));
}

}  // namespace
}  // namespace holdfast::reports
