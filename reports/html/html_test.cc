// Is a page safe whatever it shows, and does it show what matters?
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "harness/base/text.h"
#include "reports/history/sample_runs_test.h"
#include "reports/html/evidence.h"
#include "reports/html/html_report.h"
#include "reports/html/html_writer.h"
#include "reports/html/page.h"
#include "reports/html/time_line.h"

namespace holdfast::reports {
namespace {

using sample::settled;
using sample::told;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::string_view kHostile =
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='x' <!-- ]]> &lt; \x1b[2J\xff\x01";

TEST(HtmlWriter, EscapesEveryContent) {
  HtmlWriter html;
  {
    const auto element = html.open("p", {{"title", kHostile}});
    html.text(kHostile);
    html.leaf("b", {{"class", "\"><i>"}}, "<&>");
  }
  const std::string text = std::move(html).take();
  EXPECT_THAT(text, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("<img")), Not(HasSubstr("\x1b")),
                          HasSubstr("\\x1b[2J\\xff\\x01")));
  EXPECT_THAT(text, HasSubstr("<b class=\"&quot;&gt;&lt;i&gt;\">&lt;&amp;&gt;</b></p>"));
}

TEST(HtmlWriter, LinksToNothingButFiles) {
  EXPECT_EQ(HtmlAttribute::link_to("cases/a b/console.log").value(), "./cases/a%20b/console.log");
  EXPECT_EQ(HtmlAttribute::link_to("javascript:alert(1)").value(), "./javascript%3Aalert%281%29");
  EXPECT_EQ(HtmlAttribute::link_to("//evil.example/x").value(), "file:////evil.example/x");
  EXPECT_EQ(HtmlAttribute::link_to("../x?y#z").value(), "./../x%3Fy%23z");
  EXPECT_EQ(HtmlAttribute::link_inside("c", 7).value(), "#c7");
}

TEST(HtmlWriter, LetsNoAttributeRunContent) {
  static_assert(HtmlAttribute::is_plain("data-verdict"));
  for (const bool plain : {HtmlAttribute::is_plain("onclick"), HtmlAttribute::is_plain("href"),
                           HtmlAttribute::is_plain("style"), HtmlAttribute::is_plain("a b")}) {
    EXPECT_FALSE(plain);
  }
}

TEST(HtmlWriter, HashesAsBrowsersDo) {
  // Source: Content Security Policy Level 3, section 8.3: the hash of "doSomething();".
  EXPECT_EQ(policy_hash("doSomething();"), "'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='");
}

TEST(HtmlPage, LoadsNothingAndAllowsOnlyItsOwnScript) {
  const std::string page = html_page("<title>", [](HtmlWriter& html) { html.text("<script>x()</script>"); });
  EXPECT_THAT(page, AllOf(HasSubstr("<title>&lt;title&gt;</title>"), HasSubstr("default-src &#39;none&#39;"),
                          HasSubstr("script-src &#39;sha256-"), Not(HasSubstr("http://")), Not(HasSubstr("https://")),
                          Not(HasSubstr("unsafe-inline"))));
}

TEST(TimeLine, ShowsEachPhaseInItsShareAndInWords) {
  HtmlWriter html;
  write_time_line(
      html,
      {{"boot", milliseconds(1500), true}, {"kexec", milliseconds(500), false}, {"strange", milliseconds(0), true}},
      milliseconds(4000));
  const std::string text = std::move(html).take();
  EXPECT_THAT(text, AllOf(HasSubstr("class=\"p0\" x=\"0.00%\" width=\"37.50%\""),
                          HasSubstr("class=\"p6 bad\" x=\"37.50%\" width=\"12.50%\""),
                          HasSubstr("class=\"p13\" x=\"50.00%\" width=\"0.25%\""),
                          HasSubstr("phases: boot 1.5 s, kexec 500 ms (failed), strange 0 ms")));
}

TEST(TimeLine, IsLeftOutWhereThereIsNothingToShow) {
  HtmlWriter html;
  const std::string empty = HtmlWriter().take();
  write_time_line(html, {}, milliseconds(5));
  write_time_line(html, {{"boot", milliseconds(-3), true}}, milliseconds(0));
  EXPECT_EQ(std::move(html).take(), empty);
}

TEST(PciDiff, IsReadByRegister) {
  const auto changes = parse_pci_diff(
      "1 forbidden, 2 allowed\n\nForbidden: these must not change\n  0000:01:00.0 BAR0: 0xfda00000 -> 0xfda60000\n"
      "\nAllowed: these may change, for the reason given\n"
      "  0000:02:00.0 MSI-X: Message Control: 0x8003 -> 0x0003 (MSI-X off)\n      enumeration turns MSI-X off\n"
      "  0000:03:00.0 driver: nvme -> none\n  nonsense\n  -> x\n");
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_EQ(changes[0].name, "BAR0");
  EXPECT_EQ(changes[0].before, "0xfda00000");
  EXPECT_EQ(changes[0].after, "0xfda60000");
  EXPECT_EQ(changes[0].allowed, "");
  EXPECT_EQ(changes[1].address, "0000:02:00.0");
  EXPECT_EQ(changes[1].name, "MSI-X: Message Control");
  EXPECT_EQ(changes[1].after, "0x0003 (MSI-X off)");
  EXPECT_EQ(changes[1].allowed, "enumeration turns MSI-X off");
  EXPECT_EQ(changes[2].allowed, "no reason given");
  EXPECT_THAT(parse_pci_diff(std::string(kHostile)), IsEmpty());
}

TEST(ConsoleSlice, IsThePartAroundTheCrash) {
  std::string console;
  for (int i = 0; i < 100; ++i) console += "line " + std::to_string(i) + "\n";
  const auto slice = console_around(console, "line 50");
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice->line, "line 50");
  EXPECT_TRUE(slice->before.starts_with("line 35\n") && slice->before.ends_with("line 49\n")) << slice->before;
  EXPECT_TRUE(slice->after.starts_with("\nline 51\n")) << slice->after;
  EXPECT_FALSE(console_around(console, "Oops"));
  EXPECT_FALSE(console_around(console, ""));
  EXPECT_EQ(console_around("line 0", "line 0")->before, "");
}

using Page = sample::Runs;

std::vector<std::vector<Event>> eventful() {
  const Verdict pass = Verdict::passed();
  return {told(settled(sample::kKeeps, {pass})),
          told(settled({"Preserve", "Hangs", "nvme"}, {sample::hang()})),
          told(settled({"Preserve", "Flaky", "nvme"}, {sample::hang(), pass})),
          told(settled({"Preserve", "LostVm", "nvme"}, {sample::vm_killed()})),
          told(sample::planned_skip(sample::kMemfd)),
          told(settled(sample::kKeeps, {pass}, "qemu/other..kernel"))};
}

TEST_F(Page, SaysTheVerdictFirstAndThenTheUrgentCases) {
  const RunResults results = run("k3f9", 0, eventful());
  const std::string page = run_page(results.record, results.phases, results.folder);
  const auto at = [&](std::string_view text) { return page.find(text); };
  EXPECT_THAT(page, HasSubstr("<h1><span class=\"badge failed\">FAIL</span> a kernel broke its promise</h1>"));
  EXPECT_THAT(page, HasSubstr("2 passed, 2 failed, 1 error, 1 skipped in 10.0 s"));
  EXPECT_LT(at("<h1>"), at("<form"));
  EXPECT_LT(at("id=\"c0\""), at("id=\"c1\""));
  EXPECT_THAT(page, AllOf(HasSubstr("class=\"case failed\" id=\"c0\" data-verdict=\"failed\" data-device=\"nvme\" "
                                    "data-suite=\"qemu/stock..series\" data-target=\"qemu\" open=\"\""),
                          HasSubstr("class=\"case flaky\" id=\"c1\""), HasSubstr("class=\"case error\" id=\"c2\""),
                          HasSubstr("class=\"case skipped\" id=\"c3\""), HasSubstr("class=\"case passed\" id=\"c4\"")));
  EXPECT_THAT(page, AllOf(HasSubstr("holdfast run --filter Preserve.Hangs/nvme"), HasSubstr("first line\nlast line"),
                          HasSubstr("CONFIG_VFIO_PCI_LIVEUPDATE is off"), HasSubstr("attempt 1: failed in 1.5 s")));
}

TEST_F(Page, HasAMatrixOfCaseByDeviceAndKernel) {
  const RunResults results = run("k3f9", 0, eventful());
  const std::string page = run_page(results.record, results.phases, results.folder);
  EXPECT_THAT(page, AllOf(HasSubstr("<th colspan=\"1\" scope=\"colgroup\">qemu/other..kernel</th>"),
                          HasSubstr("<th colspan=\"3\" scope=\"colgroup\">qemu/stock..series</th>"),
                          HasSubstr("<th scope=\"row\">Preserve.Hangs</th>"),
                          HasSubstr("<a href=\"#c0\" class=\"badge failed\"")));
}

TEST_F(Page, ShowsWhatLiesInTheFolderOfAFailedAttempt) {
  const std::filesystem::path folder = write_run("k3f9", 0, eventful());
  const std::filesystem::path attempt = folder / "cases/Preserve.Hangs/nvme/attempt-1";
  ASSERT_TRUE(make_dirs(attempt).ok());
  ASSERT_TRUE(write_file(attempt / "pci.diff", "Forbidden: x\n  0000:01:00.0 BAR0: 0x1 -> 0x2\n").ok());
  const auto results = read_results(folder);
  ASSERT_TRUE(results.ok());
  const std::string beside = run_page(results->record, results->phases, folder);
  EXPECT_THAT(beside, AllOf(HasSubstr("<td class=\"forbidden\">BAR0</td>"), HasSubstr("1 that must not change"),
                            HasSubstr("<a href=\"./cases/Preserve.Hangs/nvme/attempt-1/pci.diff\">pci.diff</a>")));
  EXPECT_THAT(run_page(results->record, results->phases, path()),
              HasSubstr("<a href=\"./run-k3f9/cases/Preserve.Hangs/nvme/attempt-1/pci.diff\">"));
}

TEST_F(Page, MarksTheLineOfTheCrashInTheConsole) {
  CaseSettled oops = settled({"Preserve", "Oopses", "nvme"}, {sample::hang()});
  Verdict& verdict = oops.attempts[0].verdict;
  verdict.message = "during preserve: BUG: kernel NULL pointer dereference (kernel A)";
  verdict.evidence = {
      {"crash", "kind: oops\n\n[ 1.1] resetting\n[ 1.2] BUG: kernel NULL pointer dereference\n[ 1.3] x\n"}};
  const std::filesystem::path folder = write_run("k3f9", 0, {told(oops)});
  const std::filesystem::path attempt = folder / "cases/Preserve.Oopses/nvme/attempt-1";
  ASSERT_TRUE(make_dirs(attempt).ok());
  ASSERT_TRUE(write_file(attempt / "console.log",
                         "up\r\n[ 1.1] resetting\r\n[ 1.2] BUG: kernel NULL pointer "
                         "dereference\r\n[ 1.3] <b>\x1b[0m\r\nlast\r\n")
                  .ok());
  const auto results = read_results(folder);
  ASSERT_TRUE(results.ok());
  EXPECT_THAT(run_page(results->record, results->phases, folder),
              HasSubstr("up\n[ 1.1] resetting\n<mark>[ 1.2] BUG: kernel NULL pointer dereference</mark>\n[ 1.3] "
                        "&lt;b&gt;\\x1b[0m\nlast\n"));
}

TEST_F(Page, IsMarkedWhenTheRunDidNotEnd) {
  RunRecord record;
  for (const auto& events : eventful()) {
    for (const Event& event : events) record.add(event);
  }
  EXPECT_THAT(run_page(record, {}, "/"), HasSubstr("The run did not end"));
  record.add(sample::run_ended(1));
  EXPECT_THAT(run_page(record, {}, "/"), Not(HasSubstr("The run did not end")));
}

/// A run in which everything that a console, target or file can say is `bytes`.
RunRecord record_of_bytes(const std::string& bytes) {
  Verdict verdict{.outcome = Outcome::kFailed, .type = bytes, .message = bytes, .hint = bytes, .evidence = {}};
  for (const char* name : {"console", "crash", "pci.diff"}) verdict.evidence.push_back({name, bytes});
  verdict.evidence.push_back({bytes, bytes});
  CaseSettled event = settled({bytes, bytes, bytes}, {verdict, Verdict::passed()}, bytes);
  event.target = event.replay = bytes;
  event.attempts[0].properties[bytes] = event.attempts[0].dir = bytes;
  event.phases[bytes] = milliseconds(1);
  RunRecord record;
  for (const Event& one : std::vector<Event>{
           RunStarted{.run_id = bytes, .out_dir = bytes, .properties = {{bytes, bytes}, {"kernel", bytes}}},
           SuiteFacts{.suite = bytes, .properties = {{bytes, bytes}}}, event, Note{Note::Level::kWarning, bytes}}) {
    record.add(one);
  }
  return record;
}

TEST_F(Page, HasNoMarkupFromContent) {
  // What the page has of tags and attributes must not depend on what it shows.
  const auto skeleton = [](const std::string& page) {
    std::string tags;
    static const std::regex tag("<[^>]*>");
    for (std::sregex_iterator it(page.begin(), page.end(), tag), end; it != end; ++it) {
      tags += std::regex_replace(it->str(), std::regex("\"[^\"]*\""), "\"\"") + "\n";
    }
    return tags;
  };
  const std::string tame = run_page(record_of_bytes("tame"), {}, "/");
  const std::string hostile = run_page(record_of_bytes(std::string(kHostile)), {}, "/");
  EXPECT_THAT(hostile, HasSubstr("&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_EQ(skeleton(hostile), skeleton(tame));
}

TEST_F(Page, IsPrintableWhateverTheBytes) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string page = run_page(record_of_bytes(bytes), {}, "/");
  EXPECT_EQ(printable(page), page);
}

TEST_F(Page, StaysSmallWhenEverythingFails) {
  RunRecord record;
  Verdict verdict = sample::hang();
  verdict.evidence = {{"console", std::string(size_t{1} << 20, '<')}};
  for (int i = 0; i < 200; ++i) record.add(settled({"S", std::to_string(i), ""}, {verdict}));
  EXPECT_LT(run_page(record, {}, "/").size(), size_t{20} << 20);
}

TEST_F(Page, GivesALineToEachOfVeryManyCases) {
  RunRecord record;
  for (size_t i = 0; i < kMostDetailed + 10; ++i)
    record.add(settled({"S", fmt::format("N{:04}", i), "nvme"}, {Verdict::passed()}));
  record.add(settled({"T", "Fails", ""}, {sample::hang()}));
  const std::string page = run_page(record, {}, "/");
  EXPECT_THAT(page, AllOf(HasSubstr("class=\"case failed\" id=\"c0\""), HasSubstr("id=\"c1999\""),
                          Not(HasSubstr("id=\"c2000\"")), HasSubstr("<h3>11 more cases</h3>"),
                          HasSubstr("<span class=\"count\">11</span>"),
                          HasSubstr("\nS.N2008/nvme  1.5 s\nS.N2009/nvme  1.5 s\n</pre>")));
}

TEST_F(Page, StaysSmallWhenAllOfVeryManyCasesFail) {
  RunRecord record;
  Verdict verdict = sample::hang();
  verdict.message = "a\nb " + std::string(1000, 'x');
  for (int i = 0; i < 10'000; ++i) record.add(settled({"S", std::to_string(i), ""}, {verdict}));
  const std::string page = run_page(record, {}, "/");
  EXPECT_LT(page.size(), size_t{16} << 20);
  EXPECT_THAT(page, HasSubstr("S.9999  1.5 s  kernel.hang: a b xxx"));
}

TEST_F(Page, CountsPerSuiteWhereAMatrixWouldBeTooLarge) {
  RunRecord record;
  for (int i = 0; i < 101; ++i) {
    for (int j = 0; j < 200; ++j) {
      record.add(settled({"S", std::to_string(j), ""}, {i + j == 0 ? sample::hang() : Verdict::passed()},
                         fmt::format("host-{}/a..b", i)));
    }
  }
  const std::string page = run_page(record, {}, "/");
  EXPECT_THAT(page, AllOf(HasSubstr("200 cases by 101 columns are too many for a table"),
                          HasSubstr("<th scope=\"row\">host-0/a..b</th><td class=\"number forbidden\">1</td>"),
                          HasSubstr("<dd>and 93 more</dd>")));
}

TEST_F(Page, IsWrittenWhenTheRunEnds) {
  HtmlReport report(path() / "report.html", [](const Error& error) { ADD_FAILURE() << error.what; });
  report.on(sample::run_started(path()));
  report.on(settled(sample::kKeeps, {Verdict::passed()}));
  EXPECT_FALSE(std::filesystem::exists(path() / "report.html"));
  report.on(sample::run_ended(0));
  const auto text = read_file(path() / "report.html");
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("every case that ran has passed"));
}

TEST_F(Page, TellsThatItCannotBeWritten) {
  int told = 0;
  HtmlReport report("/nonexistent/report.html", [&](const Error&) { ++told; });
  report.on(sample::run_ended(0));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace holdfast::reports
