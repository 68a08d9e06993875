// Are runs read back as they were told, and is what is broken refused?
#include "reports/history/run_results.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "reports/history/junit_reader.h"
#include "reports/history/sample_runs_test.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using sample::record_of_junit;
using sample::settled;
using sample::told;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const Verdict kPass = Verdict::passed();

/// Every outcome.
std::vector<std::vector<Event>> eventful() {
  return {told(settled(sample::kKeeps, {kPass})),
          told(settled({"Preserve", "Hangs", "nvme"}, {sample::hang()})),
          told(settled({"Preserve", "Flaky", "nvme"}, {sample::hang(), kPass})),
          told(settled({"Preserve", "FailsTwice", "nvme"}, {sample::hang(), sample::hang()})),
          told(settled({"Preserve", "LostVm", "nvme"}, {sample::vm_killed(), sample::vm_killed()})),
          told(settled({"Preserve", "Forgiven", "nvme"}, {sample::vm_killed(), kPass})),
          told(sample::planned_skip(sample::kMemfd))};
}

class RunFiles : public sample::Runs {
 protected:
  Error refusal(const std::string& file, const std::string& content) {
    EXPECT_TRUE(write_file(path() / file, content).ok());
    const auto results = read_results(path() / file);
    EXPECT_FALSE(results.ok()) << content;
    return results ? Error() : results.error();
  }
};

TEST_F(RunFiles, AreReadFromTheFolderWithAllThatTheJournalTells) {
  const RunResults results = run("aaaa", 0, eventful());
  EXPECT_EQ(results.name(), "aaaa");
  EXPECT_EQ(results.source.filename(), "journal.jsonl");
  EXPECT_EQ(iso_utc(results.begun()), "2001-09-09T01:46:40Z");
  EXPECT_EQ(sentence(results.record.tally()), "2 passed, 3 failed, 1 error, 1 skipped");
  const CaseSettled& flaky = results.record.suites().at(sample::kSuite).cases.at({"Preserve", "Flaky", "nvme"});
  EXPECT_THAT(flaky.attempts, SizeIs(2));
  EXPECT_THAT(results.phases.of(flaky.attempts[1].where), SizeIs(2));
}

TEST_F(RunFiles, TellTheSameWhetherJournalOrJUnitIsRead) {
  const RunResults journal = run("aaaa", 0, eventful());
  const auto junit = read_results(journal.folder / "junit.xml");
  ASSERT_TRUE(junit.ok()) << junit.error().what;
  EXPECT_EQ(junit->name(), "aaaa");
  EXPECT_EQ(junit->begun(), journal.begun());
  EXPECT_EQ(junit->record.ended()->exit_code, journal.record.ended()->exit_code);
  EXPECT_EQ(junit->record.took(), journal.record.took());
  const auto& cases = junit->record.suites().at(sample::kSuite).cases;
  EXPECT_EQ(junit->record.suites().at(sample::kSuite).facts.at("kernel.build_id"), "cafecafecafe");
  for (const auto& [id, told] : journal.record.suites().at(sample::kSuite).cases) {
    SCOPED_TRACE(id.key());
    const CaseSettled& read = cases.at(id);
    EXPECT_EQ(read.verdict.outcome, told.verdict.outcome);
    EXPECT_EQ(read.verdict.type, told.verdict.type);
    EXPECT_EQ(read.verdict.message, told.verdict.message);
    EXPECT_EQ(read.verdict.hint, told.verdict.hint);
    EXPECT_EQ(read.attempts.size(), told.attempts.size());
    EXPECT_EQ(read.phases, told.phases);
    if (told.attempts.empty()) continue;
    EXPECT_EQ(read.attempts.back().properties, told.attempts.back().properties);
    EXPECT_EQ(took(read), took(told));
    for (size_t i = 0; i < told.attempts.size(); ++i) {
      EXPECT_EQ(read.attempts[i].verdict.outcome, told.attempts[i].verdict.outcome);
      EXPECT_EQ(read.attempts[i].verdict.message, told.attempts[i].verdict.message);
    }
  }
  const CaseSettled& hang = cases.at({"Preserve", "Hangs", "nvme"});
  EXPECT_EQ(hang.replay, "holdfast run --filter Preserve.Hangs/nvme");
  EXPECT_EQ(hang.attempts.back().dir, "cases/Preserve.Hangs/nvme/attempt-1");
  ASSERT_THAT(hang.attempts.back().verdict.evidence, SizeIs(1));
  EXPECT_EQ(hang.attempts.back().verdict.evidence[0].name, "console");
  EXPECT_EQ(hang.attempts.back().verdict.evidence[0].text, "first line\nlast line\n");
}

TEST_F(RunFiles, AreTheSameAfterBeingReadAndWrittenAgain) {
  const RunResults journal = run("aaaa", 0, eventful());
  const std::string first = junit_xml(journal.record, "lab-1", "/");
  const auto once = record_of_junit(first);
  ASSERT_TRUE(once.ok()) << once.error().what;
  const std::string second = junit_xml(*once, "lab-1", "/");
  const auto again = record_of_junit(second);
  ASSERT_TRUE(again.ok()) << again.error().what;
  EXPECT_EQ(junit_xml(*again, "lab-1", "/"), second);
  // The paths of attempts but the last are not told twice.
  EXPECT_EQ(sentence(again->tally()), sentence(journal.record.tally()));
}

TEST_F(RunFiles, MayBeInTheExtendedDialect) {
  const RunResults journal = run("aaaa", 0, eventful());
  const auto read = record_of_junit(junit_xml(journal.record, "lab-1", "/", JunitDialect::kExtended));
  ASSERT_TRUE(read.ok()) << read.error().what;
  const RunRecord& record = *read;
  EXPECT_EQ(sentence(record.tally()), "2 passed, 3 failed, 1 error, 1 skipped");
  const CaseSettled& keeps = record.suites().at(sample::kSuite).cases.at(sample::kKeeps);
  EXPECT_EQ(keeps.phases.at("kexec"), std::chrono::milliseconds(1100));
  EXPECT_EQ(keeps.attempts.back().properties.at("boot_id.after"), "bbbb");
}

TEST_F(RunFiles, AreFoundInTheFolderAboveOldestFirst) {
  write_run("bbbb", 1, {});
  write_run("aaaa", 2, {});
  fs::create_directory_symlink("run-aaaa", path() / "latest");
  const auto all = read_all_results({path()});
  ASSERT_TRUE(all.ok()) << all.error().what;
  ASSERT_THAT(*all, SizeIs(2));
  EXPECT_EQ(all->at(0).name(), "bbbb");
  EXPECT_EQ(all->at(1).name(), "aaaa");
}

TEST_F(RunFiles, OfAKilledRunAreReadAsFarAsTheyGo) {
  const fs::path folder = write_run("aaaa", 0, eventful());
  const auto whole = read_file(folder / "journal.jsonl");
  ASSERT_TRUE(whole.ok());
  ASSERT_TRUE(write_file(folder / "journal.jsonl", whole->substr(0, whole->rfind("run-ended") - 10)).ok());
  const auto results = read_results(folder);
  ASSERT_TRUE(results.ok()) << results.error().what;
  EXPECT_FALSE(results->record.ended());
  EXPECT_EQ(results->record.tally().total(), 7);
}

TEST_F(RunFiles, ThatAreNotThereAreTheUsersMistake) {
  EXPECT_EQ(read_results(path() / "nothing").error().type(), "harness.usage");
  EXPECT_EQ(read_all_results({path()}).error().type(), "harness.usage");
}

TEST_F(RunFiles, AreRefusedWithTheFileAndThePlace) {
  const Error line =
      refusal("journal.jsonl", "{\"event\":\"note\",\"level\":\"info\",\"text\":\"x\"}\n{\"event\":\"no\"}\n");
  EXPECT_EQ(line.type(), "harness.broken");
  EXPECT_THAT(line.what, AllOf(HasSubstr((path() / "journal.jsonl").string()), HasSubstr("line 2")));
  EXPECT_THAT(refusal("empty.jsonl", "").what, HasSubstr("no event"));
  EXPECT_THAT(refusal("a.xml", "<testsuites><testsuite").what, HasSubstr("no XML"));
  EXPECT_THAT(refusal("b.xml", "<html></html>").what, HasSubstr("the document is <html>"));
  EXPECT_THAT(refusal("c.xml", "<testsuite name='s'><testcase classname='c'/></testsuite>").what, HasSubstr("no name"));
  EXPECT_THAT(refusal("d.xml", "<testsuite><testcase name='n' time='-1'/></testsuite>").what, HasSubstr("no time"));
  EXPECT_THAT(refusal("e.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><testsuite/>").what, HasSubstr("document type"));
  EXPECT_THAT(refusal("f.xml",
                      "<testsuites name='holdfast' tests='2'><testsuite name='s'><testcase name='n'/></testsuite>"
                      "</testsuites>")
                  .what,
              HasSubstr("counts 2 cases but has 1"));
}

TEST_F(RunFiles, ThatLeadOutOfTheirFolderAreRefused) {
  CaseSettled evil = settled(sample::kKeeps, {sample::hang()});
  for (const char* dir : {"../../etc", "/etc", "cases/../../x"}) {
    evil.attempts[0].dir = dir;
    write_run("evil", 0, {told(evil)});
    const auto results = read_results(path() / "run-evil" / "journal.jsonl");
    ASSERT_FALSE(results.ok()) << dir;
    EXPECT_THAT(results.error().what, HasSubstr("leads out"));
    fs::remove_all(path() / "run-evil");
  }
}

TEST(JunitReader, TakesWhatOtherProgramsWrite) {
  const auto read = record_of_junit(
      "<testsuites><testsuite name='outer'><testsuite name='inner' timestamp='2001-09-09T01:46:40Z' hostname='h'>"
      "<testcase name='a' classname='x.y.Z' time='1,001.5'/>"
      "<testcase name='b'><failure>assert 1 == 2\nmore</failure></testcase>"
      "<testcase name='c'><error type='E' message='m'/></testcase><testcase name='d'><skipped/></testcase>"
      "<testcase name='a' classname='x.y.Z'><failure message='second'/></testcase>"
      "</testsuite></testsuite></testsuites>");
  ASSERT_TRUE(read.ok()) << read.error().what;
  const RunRecord& record = *read;
  const SuiteRecord& suite = record.suites().at("inner");
  EXPECT_EQ(sentence(suite.tally()), "0 passed, 2 failed, 1 error, 1 skipped");
  EXPECT_EQ(iso_utc(suite.begun), "2001-09-09T01:46:40Z");
  const CaseSettled& twice = suite.cases.at({"x", "a", "y.Z"});
  EXPECT_EQ(twice.id.classname(), "x.y.Z");
  EXPECT_EQ(twice.verdict.outcome, Outcome::kFlaky);
  EXPECT_EQ(took(twice), std::chrono::milliseconds(1'001'500));
  const CaseSettled& assertion = suite.cases.at({"", "b", ""});
  EXPECT_EQ(assertion.verdict.message, "assert 1 == 2");
  EXPECT_THAT(assertion.attempts.back().verdict.evidence.at(0).text, HasSubstr("more"));
}

TEST(JunitReader, LetsNoBytePassThatIsNotPrintable) {
  const auto read = record_of_junit(
      "<testsuite name='s'><testcase name='a\x1b[31m\xff'><failure message='&#27;]0;x&#7;'/>"
      "</testcase></testsuite>");
  ASSERT_TRUE(read.ok());
  const auto& [id, settled] = *read->suites().at("s").cases.begin();
  EXPECT_EQ(id.name, "a\\x1b[31m\\xff");
  EXPECT_EQ(settled.verdict.message, "\\x1b]0;x\\x07");
}

TEST(JunitReader, BearsADocumentThatIsDeep) {
  std::string xml;
  for (int i = 0; i < 100'000; ++i) xml += "<testsuite>";
  for (int i = 0; i < 100'000; ++i) xml += "</testsuite>";
  const auto read = record_of_junit(xml);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().what, HasSubstr("too deeply"));
}

}  // namespace
}  // namespace holdfast::reports
