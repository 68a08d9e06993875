// Can a journal be read back, whatever ended the run?
#include "reports/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "reports/sample_events.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

void unexpected(const Error& error) { ADD_FAILURE() << error.what; }

class JournalFile : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  fs::path file() const { return dir_->path() / "journal.jsonl"; }
  std::optional<TempDir> dir_;
};

const Intent kStartVm = {.where = sample::at(sample::kKeeps), .action = "start-vm", .details = {}};

TEST_F(JournalFile, HasALineForEachEventWithItsTime) {
  {
    auto journal =
        Journal::open(file(), &unexpected, [] { return WallClock::time_point(std::chrono::seconds(1'000'000'000)); });
    ASSERT_TRUE(journal.ok());
    (*journal)->on(sample::run_started("/out"));
    (*journal)->on(kStartVm);
  }
  const auto text = read_file(file());
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, StartsWith(R"({"at":"2001-09-09T01:46:40Z","event":"run-started",)"));
  EXPECT_THAT(split(*text, '\n'), SizeIs(3));
  const auto back = read_journal(file());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->unreadable, 0);
  ASSERT_THAT(back->events, SizeIs(2));
  EXPECT_EQ(std::get<Intent>(back->events[1]).action, "start-vm");
}

TEST_F(JournalFile, TellsWhatAKilledRunWasDoing) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto journal = Journal::open(file(), nullptr);
    if (!journal) ::_exit(1);
    (*journal)->on(kStartVm);
    (*journal)->on(sample::attempt(kStartVm.where, Verdict::passed()));
    Intent second = kStartVm;
    second.where.attempt = 2;
    second.action = "kexec";
    (*journal)->on(second);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto back = read_journal(file());
  ASSERT_TRUE(back.ok());
  const std::vector<Intent> left = left_behind(back->events);
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].action, "kexec");
  EXPECT_EQ(left[0].where.attempt, 2);
}

TEST_F(JournalFile, IsReadPastALineThatWasCut) {
  ASSERT_TRUE(write_file(file(), R"({"at":"now","event":"no)").ok());
  {
    auto journal = Journal::open(file(), &unexpected);
    ASSERT_TRUE(journal.ok());
    (*journal)->on(kStartVm);
  }
  const auto back = read_journal(file());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->unreadable, 1);
  EXPECT_THAT(back->events, SizeIs(1));
}

TEST_F(JournalFile, TellsOnceThatTheDiskIsFullAndGoesOn) {
  // A limit on the size of files fails writes as a full disk does: with a short write, then an error.
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  int told = 0;
  auto journal = Journal::open(file(), [&](const Error& error) {
    ++told;
    EXPECT_EQ(error.type(), "lab.io");
  });
  ASSERT_TRUE(journal.ok());
  const rlimit small = {.rlim_cur = 300, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 5; ++i) (*journal)->on(kStartVm);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(told, 1);
  (*journal)->on(Note{.level = Note::Level::kInfo, .text = "there is room again"});
  const auto back = read_journal(file());
  ASSERT_TRUE(back.ok());
  ASSERT_FALSE(back->events.empty());
  EXPECT_EQ(std::get<Note>(back->events.back()).text, "there is room again");
}

TEST_F(JournalFile, TellsAtTheEndThatItWasRemoved) {
  std::vector<std::string> told;
  auto journal = Journal::open(file(), [&](const Error& error) { told.push_back(error.what); });
  ASSERT_TRUE(journal.ok());
  (*journal)->on(kStartVm);
  EXPECT_THAT(told, SizeIs(0));
  fs::remove(file());
  (*journal)->on(RunEnded{});
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told.front(), HasSubstr("removed while the run wrote it"));
}

TEST(Journal, SyncsBeforeAnIntentReturnsAndAtTheEnd) {
  // Writing to /dev/null works and syncing it does not: so an error tells of each sync.
  const auto syncs = [](const Event& event) {
    bool told = false;
    auto journal = Journal::open("/dev/null", [&](const Error& error) {
      EXPECT_THAT(error.what, HasSubstr("sync"));
      told = true;
    });
    EXPECT_TRUE(journal.ok());
    (*journal)->on(event);
    return told;
  };
  EXPECT_TRUE(syncs(kStartVm));
  EXPECT_TRUE(syncs(sample::run_ended(0)));
  EXPECT_FALSE(syncs(Note{}));
  EXPECT_FALSE(syncs(CaseStarted{.where = kStartVm.where}));
}

TEST_F(JournalFile, CannotBeOpenedWithoutItsFolder) {
  const auto journal = Journal::open(dir_->path() / "no" / "journal.jsonl", nullptr);
  ASSERT_FALSE(journal.ok());
  EXPECT_THAT(journal.error().what, HasSubstr("ENOENT"));
}

TEST(LeftBehind, ForgetsWhatEnded) {
  EXPECT_THAT(left_behind({kStartVm}), SizeIs(1));
  EXPECT_THAT(left_behind({kStartVm, sample::attempt(kStartVm.where, Verdict::passed())}), SizeIs(0));
  EXPECT_THAT(left_behind({kStartVm, sample::attempt(sample::at(sample::kMemfd), Verdict::passed())}), SizeIs(1));
}

}  // namespace
}  // namespace holdfast::reports
