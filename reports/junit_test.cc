// Is junit.xml what CI servers read, whatever the run went through?
#include "reports/junit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <pugixml.hpp>
#include <random>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "reports/sample_events.h"
#include "tools/ctest/places.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

RunRecord record_of(const std::vector<Event>& events) {
  RunRecord record([] { return WallClock::time_point(std::chrono::seconds(1'000'000'000)); });
  for (const Event& event : events) record.add(event);
  return record;
}

std::string xml_of(const std::vector<Event>& events, const fs::path& base = "/") {
  return junit_xml(record_of(events), "lab-1", base);
}

/// The document as a reader of JUnit gets it.
class Parsed {
 public:
  explicit Parsed(const std::string& xml) : whole_(document_.load_string(xml.c_str())) {}
  bool whole() const { return whole_; }
  pugi::xml_node node(const char* path) const { return document_.select_node(path).node(); }
  std::string value(const char* path) const {
    const auto found = document_.select_node(path);
    return found.attribute() ? found.attribute().value() : found.node().text().get();
  }
  std::vector<std::string> values(const char* path) const {
    std::vector<std::string> values;
    for (const auto& found : document_.select_nodes(path)) values.emplace_back(found.attribute().value());
    return values;
  }

 private:
  pugi::xml_document document_;
  bool whole_;
};

/// Every outcome, retries among them.
std::vector<Event> eventful_run() {
  using sample::settled;
  const Verdict pass = Verdict::passed();
  return {
      sample::run_started("/nowhere"),
      SuiteFacts{.suite = sample::kSuite, .properties = {{"kernel.build_id", "cafe"}}},
      SuiteFacts{.suite = "qemu/a..b & <\"c\">", .properties = {{"a&b", "<&>\"'"}}},
      Note{.level = Note::Level::kWarning, .text = "fell back to TCG"},
      Recovery{.target = "qemu", .rung = "reset", .ok = true, .took = std::chrono::milliseconds(1500), .why = "lost"},
      Recovery{.target = "other", .rung = "reset", .ok = true, .took = {}, .why = "lost"},
      settled(sample::kKeeps, {pass}),
      settled({"Preserve", "Hangs", "nvme"}, {sample::hang()}),
      settled({"Preserve", "Flaky", "nvme"}, {sample::hang(), pass}),
      settled({"Preserve", "FailsTwice", "nvme"}, {sample::hang(), sample::hang()}),
      settled({"Preserve", "LostVm", "nvme"}, {sample::vm_killed(), sample::vm_killed()}),
      settled({"Preserve", "Forgiven", "nvme"}, {sample::vm_killed(), pass}),
      settled({"Preserve", "FailsAfterError", "nvme"}, {sample::vm_killed(), sample::hang()}),
      sample::planned_skip(sample::kMemfd),
      settled(sample::kMemfd, {pass}, "qemu/a..b & <\"c\">"),
      sample::run_ended(1, {}, 61234)};
}

std::optional<fs::path> schema() {
  const char* named = std::getenv("HOLDFAST_JUNIT_XSD");
  const fs::path path = named != nullptr ? fs::path(named) : source_dir() / "../shared/schema/junit-10.xsd";
  return fs::exists(path) ? std::optional(path) : std::nullopt;
}

/// Empty when the document is valid, else what xmllint says.
std::string schema_errors(const std::string& xml) {
  auto dir = TempDir::create();
  EXPECT_TRUE(dir.ok());
  const fs::path file = dir->path() / "junit.xml";
  EXPECT_TRUE(write_file(file, xml).ok());
  const auto output = run({.argv = {"xmllint", "--noout", "--schema", schema()->string(), file.string()}},
                          Deadline::after(std::chrono::seconds(60)));
  if (!output) return output.error().what;
  return output->status.success() ? "" : output->err;
}

TEST(JunitXml, TellsHowTheTargetOfASuiteWasBroughtBack) {
  const Parsed xml(xml_of(eventful_run()));
  EXPECT_EQ(xml.value("//testsuite[@name='qemu/stock..series']/properties/property[@name='recovery.1']/@value"),
            "reset, 1.5 s: healthy again; before it: lost");
  EXPECT_EQ(xml.value("//property[@name='recovery.2']/@value"), "") << "that was another target's";
}

TEST(JunitXml, SaysWhichAttemptWasMadeElsewhere) {
  CaseSettled moved = sample::settled(sample::kKeeps, {sample::vm_killed(), sample::hang()});
  moved.attempts[1].where.target = "metal-2";
  const Parsed xml(xml_of({moved}));
  EXPECT_THAT(xml.value("//failure"), AllOf(HasSubstr("attempt 1: error"), HasSubstr("attempt 2 on metal-2: failed")));
}

class AgainstSchema : public testing::Test {
 protected:
  void SetUp() override {
    if (!schema()) GTEST_SKIP() << "junit-10.xsd is not there: name it in HOLDFAST_JUNIT_XSD";
    if (!find_program("xmllint")) GTEST_SKIP() << "xmllint is not installed (package libxml2-utils)";
  }
};

TEST_F(AgainstSchema, AcceptsAnEventfulRun) { EXPECT_EQ(schema_errors(xml_of(eventful_run())), ""); }

TEST_F(AgainstSchema, AcceptsARunCutAfterAnyEvent) {
  std::vector<Event> events = eventful_run();
  for (; !events.empty(); events.pop_back()) EXPECT_EQ(schema_errors(xml_of(events)), "") << events.size();
  EXPECT_EQ(schema_errors(xml_of({})), "");
}

TEST_F(AgainstSchema, RefusesADocumentThatIsWrong) {
  std::string xml = xml_of(eventful_run());
  xml.replace(xml.find("classname="), 10, "clazzname=");
  EXPECT_THAT(schema_errors(xml), HasSubstr("clazzname"));
}

TEST_F(AgainstSchema, AcceptsHostileBytesEverywhere) {
  std::string bytes;  // NUL last: it would hide the others where text is taken for a C string
  for (int byte = 1; byte <= 256; ++byte) bytes += static_cast<char>(byte % 256);
  bytes += "\xef\xbf\xbe \xed\xa0\x80 ]]> <!-- &#27; <![CDATA[";
  Verdict verdict = {.outcome = Outcome::kFailed,
                     .type = bytes,
                     .message = bytes,
                     .hint = bytes,
                     .evidence = {{.name = bytes, .text = bytes}}};
  CaseSettled event = sample::settled({bytes, bytes, bytes}, {verdict, Verdict::passed()}, bytes);
  event.attempts[0].properties[bytes] = bytes;
  event.attempts[0].dir = event.attempts[1].dir = bytes;
  event.phases[bytes] = std::chrono::milliseconds(1);
  event.replay = bytes;
  const std::string xml =
      xml_of({RunStarted{.run_id = bytes, .out_dir = bytes, .properties = {{bytes, bytes}}},
              SuiteFacts{.suite = bytes, .properties = {{bytes, bytes}}}, event, Note{Note::Level::kWarning, bytes}});
  EXPECT_EQ(schema_errors(xml), "");
}

TEST(JunitXml, CountsPerSuiteAndInAll) {
  const Parsed xml(xml_of(eventful_run()));
  ASSERT_TRUE(xml.whole());
  EXPECT_EQ(xml.value("/testsuites/@tests"), "9");
  EXPECT_EQ(xml.value("/testsuites/@failures"), "4");
  EXPECT_EQ(xml.value("/testsuites/@errors"), "1");
  EXPECT_EQ(xml.value("/testsuites/@time"), "61.234");
  EXPECT_THAT(xml.values("//testsuite/@tests"), ElementsAre("1", "8"));
  EXPECT_THAT(xml.values("//testsuite/@skipped"), ElementsAre("0", "1"));
  EXPECT_EQ(xml.value("//testsuite[2]/@timestamp"), "2001-09-09T01:46:40Z");
  EXPECT_EQ(xml.value("//testsuite[2]/@hostname"), "lab-1");
}

TEST(JunitXml, NamesCasesByClassAndName) {
  const Parsed xml(xml_of({sample::settled(sample::kKeeps, {Verdict::passed()})}));
  EXPECT_EQ(xml.value("//testcase/@classname"), "Preserve.e1000e");
  EXPECT_EQ(xml.value("//testcase/@name"), "DeviceKeepsItsAddress");
  EXPECT_EQ(xml.value("//testcase/@time"), "1.500");
  EXPECT_FALSE(xml.node("//testcase/failure"));
}

TEST(JunitXml, IsTheSameWhicheverCaseFinishedFirst) {
  std::vector<Event> events = eventful_run();
  const std::string one = xml_of(events);
  std::reverse(events.begin() + 4, events.end() - 1);
  EXPECT_EQ(xml_of(events), one);
}

TEST(JunitXml, TellsAFailureWithAllThatIsNeededToSeeItAgain) {
  const Parsed xml(xml_of({sample::settled(sample::kKeeps, {sample::hang()})}));
  EXPECT_EQ(xml.value("//failure/@type"), "kernel.hang");
  EXPECT_EQ(xml.value("//failure/@message"), "kernel B was silent for 30 s after the kexec");
  EXPECT_THAT(xml.value("//failure"),
              AllOf(HasSubstr("replay: holdfast run --filter Preserve.DeviceKeepsItsAddress/e1000e\n"),
                    HasSubstr("try: look for the last message"), HasSubstr("--- console ---\nfirst line\nlast line\n"),
                    HasSubstr("files: cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1\n")));
}

TEST(JunitXml, PutsEachBlameIntoItsElement) {
  const Parsed xml(xml_of(eventful_run()));
  EXPECT_EQ(xml.value("//testcase[@name='LostVm']/error/@type"), "lab.vm-killed");
  EXPECT_FALSE(xml.node("//testcase[@name='LostVm']/failure"));
  EXPECT_TRUE(xml.node("//testcase[@name='LostVm']/rerunError"));
  EXPECT_EQ(xml.value("//testcase[@name='MemfdSurvives']/skipped/@message"), "CONFIG_VFIO_PCI_LIVEUPDATE is off");
}

TEST(JunitXml, ReportsAFlakyCaseAsAFailureWithAllAttempts) {
  const Parsed xml(xml_of(eventful_run()));
  EXPECT_EQ(xml.value("//testcase[@name='Flaky']/failure/@type"), "kernel.hang");
  EXPECT_THAT(xml.value("//testcase[@name='Flaky']/failure/@message"), HasSubstr("flaky: failed in 1 of 2 attempts"));
  EXPECT_THAT(xml.value("//testcase[@name='Flaky']/failure"),
              AllOf(HasSubstr("attempt 1: failed, kernel.hang"), HasSubstr("attempt 2: passed"),
                    HasSubstr("--- attempt 1: console ---\nfirst line")));
  // A reader that knows Surefire's elements takes a case with this one for one that passed.
  EXPECT_FALSE(xml.node("//testcase[@name='Flaky']/flakyFailure"));
}

TEST(JunitXml, RecordsAttemptsBesideTheOneThatDecided) {
  const Parsed xml(xml_of(eventful_run()));
  EXPECT_FALSE(xml.node("//testcase[@name='Forgiven']/error"));
  EXPECT_EQ(xml.value("//testcase[@name='Forgiven']/flakyError/@type"), "lab.vm-killed");
  EXPECT_TRUE(xml.node("//testcase[@name='FailsTwice']/rerunFailure"));
  EXPECT_EQ(xml.value("//testcase[@name='FailsAfterError']/failure/@type"), "kernel.hang");
  EXPECT_TRUE(xml.node("//testcase[@name='FailsAfterError']/rerunError"));
  EXPECT_FALSE(xml.node("//testcase[@name='FailsAfterError']/rerunFailure"));
}

TEST(JunitXml, KeepsWhatChangesInProperties) {
  const Parsed xml(xml_of(eventful_run()));
  const auto property = [&](const char* name) {
    return xml.value(("//testsuite[2]/properties/property[@name='" + std::string(name) + "']/@value").c_str());
  };
  EXPECT_EQ(property("kernel.build_id"), "cafe");
  EXPECT_EQ(property("run_id"), "k3f9");
  EXPECT_EQ(property("accel"), "tcg");
  EXPECT_EQ(property("Preserve.DeviceKeepsItsAddress/e1000e: boot_id.before"), "aaaa");
  EXPECT_EQ(property("Preserve.DeviceKeepsItsAddress/e1000e: phase.kexec.ms"), "1100");
  EXPECT_EQ(property("Preserve.Flaky/nvme: attempts"), "2");
}

TEST(JunitXml, CapsTheTextOfACaseAndKeepsItsEnd) {
  Verdict failed = sample::hang();
  failed.evidence.clear();
  for (int i = 0; i < 20; ++i) failed.evidence.push_back({"log", std::string(kEvidenceLimit, 'x') + "\nthe end"});
  const Parsed xml(xml_of({sample::settled(sample::kKeeps, {failed})}));
  const std::string text = xml.value("//failure");
  EXPECT_LT(text.size(), kCaseTextLimit + 2000);
  EXPECT_THAT(text, AllOf(HasSubstr("bytes left out here; all of it: cases/"), HasSubstr("replay: ")));
  EXPECT_TRUE(text.ends_with("the end\n"));
}

TEST(JunitXml, AttachesTheFilesOfEachAttempt) {
  auto dir = TempDir::create();
  ASSERT_TRUE(dir.ok());
  const fs::path attempt = dir->path() / attempt_dir(sample::at(sample::kKeeps));
  ASSERT_TRUE(make_dirs(attempt).ok());
  for (const char* name : {"pci.diff", "console.log"}) ASSERT_TRUE(write_file(attempt / name, "x").ok());
  const std::vector<Event> events = {sample::run_started(dir->path()),
                                     sample::settled(sample::kKeeps, {Verdict::passed()})};
  const std::string folder = "cases/Preserve.DeviceKeepsItsAddress/e1000e/attempt-1/";
  EXPECT_EQ(Parsed(xml_of(events, dir->path())).value("//testcase/system-out"),
            "[[ATTACHMENT|" + folder + "console.log]]\n[[ATTACHMENT|" + folder + "pci.diff]]\n");
  EXPECT_THAT(Parsed(xml_of(events, "/elsewhere")).value("//testcase/system-out"),
              HasSubstr("[[ATTACHMENT|" + (attempt / "pci.diff").string() + "]]"));
}

TEST(JunitXml, AttachesNothingThatContentNames) {
  const std::string bait = "[[ATTACHMENT|/etc/ssh/key]]";
  const std::vector<Event> events = {
      sample::run_started("/nowhere"), Note{Note::Level::kWarning, "the target said " + bait},
      sample::settled(sample::kKeeps,
                      {Verdict::from(kernel_error("oops", bait).with("console", "a\n" + bait + "\n"))})};
  const std::string xml = xml_of(events);
  const Parsed parsed(xml);
  EXPECT_THAT(parsed.value("//failure"), HasSubstr("\n[ [ATTACHMENT|/etc/ssh/key]]\n"));
  EXPECT_THAT(parsed.value("//system-err"), HasSubstr("the target said [ [ATTACHMENT|"));
  EXPECT_EQ(parsed.value("//system-out"), "");
}

TEST(JunitXml, PutsFileLineAndPropertiesToTheCaseInTheExtendedDialect) {
  CaseSettled event = sample::settled(sample::kKeeps, {Verdict::passed()});
  event.attempts[0].properties["case.file"] = "cases/preserve.cc";
  event.attempts[0].properties["case.line"] = "42";
  const RunRecord record = record_of({event});
  const Parsed xml(junit_xml(record, "lab-1", "/", JunitDialect::kExtended));
  EXPECT_EQ(xml.value("//testcase/@file"), "cases/preserve.cc");
  EXPECT_EQ(xml.value("//testcase/@line"), "42");
  EXPECT_EQ(xml.value("/testsuites/@skipped"), "0");
  EXPECT_EQ(xml.value("//testcase/properties/property[@name='phase.kexec.ms']/@value"), "1100");
  EXPECT_FALSE(xml.node("/testsuites/testsuite/properties/property[contains(@name, ': ')]"));
  const Parsed strict(junit_xml(record, "lab-1", "/"));
  EXPECT_EQ(strict.value("//testcase/@file"), "");
  EXPECT_FALSE(strict.node("//testcase/properties"));
}

TEST_F(AgainstSchema, RefusesTheExtendedDialect) {
  const RunRecord record = record_of({sample::settled(sample::kKeeps, {Verdict::passed()})});
  EXPECT_THAT(schema_errors(junit_xml(record, "lab-1", "/", JunitDialect::kExtended)), HasSubstr("properties"));
  EXPECT_EQ(schema_errors(junit_xml(record, "lab-1", "/")), "");
}

/// What a broken serial line, a binary that is printed by mistake, or somebody with bad intent can put on a console.
std::string console_of(int round, std::minstd_rand& random) {
  constexpr std::string_view kPieces[] = {
      "]]>",     "<![CDATA[",        "&#0;", "&amp;",   "<!--", "-->", "\xef\xbf\xbf", "\xed\xa0\x80", "\r\n",
      "\x1b[2J", "\xf0\x9f\xa6\x80", "\xc3", "<?xml?>", "\"'"};
  std::string bytes;
  const size_t size = 200 + random() % 2000;
  while (bytes.size() < size) {
    const auto any = static_cast<char>(random() >> 8);
    if (round % 3 == 0) {
      bytes += any;
    } else if (round % 3 == 1) {
      bytes += random() % 8 == 0 ? any : static_cast<char>(' ' + random() % 95);
    } else {
      bytes += kPieces[random() % std::size(kPieces)];
      if (random() % 4 == 0) bytes += any;
    }
  }
  return bytes;
}

/// What xmllint says of all these files; starting it takes longer than all else.
std::string schema_errors_in(const std::vector<std::string>& files) {
  std::vector<std::string> argv = {"xmllint", "--noout", "--schema", schema()->string()};
  argv.insert(argv.end(), files.begin(), files.end());
  const auto output = run({.argv = argv}, Deadline::after(std::chrono::seconds(120)));
  if (!output) return output.error().what;
  return output->status.success() ? "" : output->err;
}

TEST_F(AgainstSchema, AcceptsAConsoleOfRandomBytesAThousandTimes) {
  constexpr int kRounds = 1000;
  const auto dir = TempDir::create();
  ASSERT_TRUE(dir.ok());
  std::minstd_rand random(20310517);  // always the same, so that a failure comes again
  std::vector<std::string> files;
  std::string raw;
  for (int round = 0; round < kRounds; ++round) {
    raw = console_of(round, random);
    Verdict verdict = sample::hang();
    verdict.message = raw.substr(0, 80);
    verdict.evidence = {{raw.substr(0, 20), raw}};
    const std::string xml = xml_of({sample::settled({"S", std::to_string(round), raw.substr(20, 20)}, {verdict})});
    files.push_back((dir->path() / fmt::format("{}.xml", round)).string());
    ASSERT_TRUE(write_file(files.back(), xml).ok());
  }
  EXPECT_EQ(schema_errors_in(files), "");
  // And the control: the same bytes as they came, in the last of a few.
  files.resize(3);
  ASSERT_TRUE(write_file(files.back(), "<testsuites><testsuite name=\"" + raw + "\"/></testsuites>").ok());
  EXPECT_THAT(schema_errors_in(files), AllOf(HasSubstr("2.xml"), Not(HasSubstr("1.xml:"))));
}

TEST(JunitXml, SaysThatARunWasInterrupted) {
  std::vector<Event> events = eventful_run();
  std::get<RunEnded>(events.back()).interrupted = true;
  EXPECT_EQ(Parsed(xml_of(events)).value("//testsuite[2]/properties/property[@name='run.interrupted']/@value"), "true");
}

/// A report into a folder of its own.
class Written : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  fs::path file() const { return dir_->path() / "junit.xml"; }
  std::string text() const {
    const auto text = read_file(file());
    return text ? *text : text.error().what;
  }
  std::optional<TempDir> dir_;
};

TEST_F(Written, IsWholeAfterEachCase) {
  JunitReport report(file(), [](const Error& error) { ADD_FAILURE() << error.what; });
  int settled = 0;
  for (const Event& event : eventful_run()) {
    report.on(event);
    settled += std::holds_alternative<CaseSettled>(event) ? 1 : 0;
    if (settled == 0) continue;
    const Parsed xml(text());
    ASSERT_TRUE(xml.whole());
    EXPECT_EQ(xml.value("/testsuites/@tests"), std::to_string(settled));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_->path()), fs::directory_iterator()), 1);
}

TEST_F(Written, DoesNotRewriteAfterEachOfManyCases) {
  JunitReport report(file(), [](const Error& error) { ADD_FAILURE() << error.what; });
  constexpr int kCases = 1000;
  for (int i = 0; i < kCases; ++i) report.on(sample::settled({"S", std::to_string(i), ""}, {Verdict::passed()}));
  EXPECT_LT(report.rewrites(), kCases / 4);
  report.on(RunEnded{});
  EXPECT_EQ(Parsed(text()).value("/testsuites/@tests"), std::to_string(kCases));
}

TEST_F(Written, TellsOnceThatItCannotBeWritten) {
  int told = 0;
  JunitReport report("/nonexistent/folder/junit.xml", [&](const Error& error) {
    ++told;
    EXPECT_EQ(error.type(), "lab.io");
  });
  for (const Event& event : eventful_run()) report.on(event);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace holdfast::reports
