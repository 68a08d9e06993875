// Are the reports whole whenever the program that writes them is killed?
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <functional>
#include <optional>
#include <random>

#include "harness/base/deadline.h"
#include "harness/base/file.h"
#include "reports/artifacts.h"
#include "reports/history/sample_runs_test.h"
#include "reports/html/html_report.h"
#include "reports/shared_record.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 120;
constexpr int kCases = 4;

/// All that is told of one run, over and over, as `holdfast run` tells it.
[[noreturn]] void report_for_ever(const fs::path& folder) {
  const OnTrouble fail = [](const Error&) { std::_Exit(3); };
  for (;;) {
    auto journal = Journal::open(folder / "journal.jsonl", fail);
    if (!journal) std::_Exit(4);
    const auto record = std::make_shared<RunRecord>();
    const auto now = &WallClock::now;
    RecordKeeper keeper(record);
    Artifacts artifacts(folder, {.program_version = "0", .argv = {"holdfast"}, .host = "here"}, fail, now, record);
    HtmlReport html(folder / "report.html", fail, now, record);
    JunitReport junit(folder / "junit.xml", fail, now, JunitDialect::kStrict, record);
    const auto tell = [&](const Event& event) {
      for (EventSink* sink : std::initializer_list<EventSink*>{journal->get(), &keeper, &artifacts, &html, &junit}) {
        sink->on(event);
      }
    };
    tell(sample::run_started(folder));
    Tally tally;
    for (int i = 0; i < kCases; ++i) {
      const CaseSettled settled = sample::settled({"S", std::to_string(i), "nvme"}, {sample::hang()});
      tell(Intent{.where = settled.attempts[0].where, .action = "kexec", .details = {}});
      for (const Event& event : sample::told(settled)) tell(event);
      tally.add(settled.verdict.outcome);
    }
    tell(sample::run_ended(1, tally));
  }
}

/// The control: a report that writes junit.xml where it stands.
[[noreturn]] void overwrite_for_ever(const fs::path& folder) {
  RunRecord record;
  for (int i = 0; i < kCases; ++i) record.add(sample::settled({"S", std::to_string(i), "nvme"}, {sample::hang()}));
  for (;;) {
    const Fd file(::open((folder / "junit.xml").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    const JunitSetting setting{.hostname = "here", .attachments_base = folder};
    write_junit(record, setting, [&](std::string_view piece) { (void)write_all(file.get(), piece).ok(); });
  }
}

/// What is wrong with the files, or nothing.
std::string problem_in(const fs::path& folder) {
  std::error_code unknown;
  if (fs::exists(folder / "junit.xml", unknown)) {
    if (const auto read = read_results(folder / "junit.xml"); !read) return read.error().what;
  }
  if (const auto page = read_file(folder / "report.html"); page && !page->ends_with("</html>"))
    return "report.html is cut";
  if (const auto text = read_file(folder / "manifest.json"); text && !text->ends_with("}\n"))
    return "manifest.json is cut";
  if (fs::exists(folder / "journal.jsonl", unknown)) {
    const auto journal = read_journal(folder / "journal.jsonl");
    if (!journal) return journal.error().what;
    if (!journal->broken.empty()) return journal->broken;
    if (journal->unreadable > 1) return "more than the last line of the journal is cut";
  }
  return {};
}

struct Rounds {
  int broken = 0;
  int with_junit = 0;
  int with_page = 0;
  std::string first_problem;
};

void wait_for(const fs::path& file) {
  const auto until = Deadline::after(Millis(5000));
  while (!fs::exists(file) && !until.expired()) ::usleep(500);
}

/// Starts a process that reports, `last` of all, kills it at a moment that chance names, and looks at what it left.
Rounds kill_again_and_again(int rounds, const char* last, const std::function<void(const fs::path&)>& report) {
  std::minstd_rand random(20310517);  // the same moments each time, as far as the machine lets them be
  Rounds result;
  for (int round = 0; round < rounds; ++round) {
    const auto dir = TempDir::create();
    EXPECT_TRUE(dir.ok());
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) report(dir->path());
      std::_Exit(5);
    }
    // However slow the machine is: some rounds end before there is a report, some behind the first, some behind a page.
    if (round % 3 > 0) wait_for(dir->path() / (round % 3 == 1 ? "junit.xml" : last));
    const timespec pause = {.tv_sec = 0, .tv_nsec = static_cast<long>(random() % 30'000'000)};
    ::nanosleep(&pause, nullptr);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it had trouble of its own: " << WEXITSTATUS(status);
    result.with_junit += fs::exists(dir->path() / "junit.xml") ? 1 : 0;
    result.with_page += fs::exists(dir->path() / "report.html") ? 1 : 0;
    const std::string problem = problem_in(dir->path());
    if (problem.empty()) continue;
    ++result.broken;
    if (result.first_problem.empty()) result.first_problem = problem;
  }
  return result;
}

TEST(KilledReporter, LeavesWholeFilesAtAnyMoment) {
  const Rounds rounds = kill_again_and_again(kRounds, "report.html", report_for_ever);
  EXPECT_EQ(rounds.broken, 0) << rounds.first_problem;
  EXPECT_GT(rounds.with_junit, kRounds / 2) << "too early to tell anything";
  EXPECT_GT(rounds.with_page, kRounds / 4) << "too early to tell anything of the page";
}

TEST(KilledReporter, WouldShowAReportThatIsNotReplacedInOneStep) {
  EXPECT_GT(kill_again_and_again(30, "junit.xml", overwrite_for_ever).broken, 0);
}

}  // namespace
}  // namespace holdfast::reports
