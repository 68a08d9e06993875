// Does a run that was killed go on as one run, and is what dead runs left found, and nothing else touched?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// None of them changes the kernel: they are short.
constexpr const char* kFour =
    "Preserve.DevNullIsRefused:Preserve.IommufdIsRefused:"
    "Sessions.ImpossibleNamesAreRefused:Sessions.TakenNameIsRefused";
constexpr const char* kShort = "Sessions.TakenNameIsRefused";
constexpr Millis kPatience{120'000};

/// A variable of the environment, which programs that are started inherit, until the end of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

size_t count_in(std::string_view text, std::string_view piece) {
  size_t count = 0;
  for (size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

/// The machine of the attempt that began last is up, and that attempt is the n-th of this journal.
bool is_within_attempt(const std::string& journal, size_t n) {
  return count_in(journal, "\"case-started\"") == n &&
         journal.find("\"phase-ended\"", journal.rfind("\"case-started\"")) != std::string::npos;
}

/// QEMUs that run in a folder of this run.
std::vector<pid_t> machines_in(const fs::path& folder) {
  std::vector<pid_t> machines;
  for (const pid_t pid : processes_with("qemu-system-")) {
    std::error_code failed;
    const fs::path cwd = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), failed);
    const auto words = read_file(fmt::format("/proc/{}/cmdline", pid));
    const bool script = words && words->starts_with("/bin/sh");
    if (!failed && !script && cwd.string().starts_with(folder.string())) machines.push_back(pid);
  }
  return machines;
}

/// Nothing of the user's own is in reach of what cleans up.
class Resume : public testing::Test {
 protected:
  /// A run that has come to a machine of its own when this returns.
  Process start_until(const Program& program, std::vector<std::string> words, size_t attempt) {
    Process run = program.start(std::move(words));
    EXPECT_TRUE(
        program.wait_for_journal([&](const std::string& text) { return is_within_attempt(text, attempt); }, kPatience))
        << *read_file(program.output_file());
    return run;
  }
  static void kill_hard(Process& run) {
    ::kill(run.pid(), SIGKILL);
    EXPECT_EQ(run.wait(Deadline::after(kPatience))->signal, SIGKILL);
  }
  /// A machine that outlives a run that was killed: QEMU is the child of a script, which the kernel ends, and not QEMU.
  pid_t leave_a_machine(const Program& program) {
    const fs::path script = place_.path() / "bin" / "qemu-system-x86_64";
    EXPECT_TRUE(make_dirs(script.parent_path()).ok());
    EXPECT_TRUE(
        write_file(script, fmt::format("#!/bin/sh\n{} \"$@\" &\nwait\n", find_program("qemu-system-x86_64")->string()))
            .ok());
    fs::permissions(script, fs::perms::owner_all);
    const Variable path("PATH", fmt::format("{}:{}", script.parent_path().string(), std::getenv("PATH")));
    Process run = program.start({"run", "--cold", "--filter", kShort});
    EXPECT_TRUE(eventually([&] { return !machines_in(fs::weakly_canonical(program.latest())).empty(); }, kPatience));
    kill_hard(run);
    const auto left = machines_in(fs::weakly_canonical(program.latest()));
    return left.empty() ? 0 : left.front();
  }

  TempDir place_ = *TempDir::create("holdfast-e2e");
  Variable temp_{"TMPDIR", place_.path().string()};
  Variable state_{"XDG_STATE_HOME", (place_.path() / "state").string()};
};

TEST_F(Resume, AKilledRunEndsAsOneRunAndOnlyWhatDeadRunsLeftIsCleaned) {
  const Program program;
  Process first = start_until(program, {"run", "--jobs", "1", "--device", "e1000e", "--filter", kFour}, 2);
  kill_hard(first);
  const fs::path run = fs::canonical(program.latest());

  // Interrupted once more, in the attempt that repeats what was cut off.
  Process second = start_until(program, {"run", "--resume", "latest"}, 3);
  ::kill(second.pid(), SIGINT);
  EXPECT_EQ(second.wait(Deadline::after(kPatience))->code, 130);

  const Program other;
  const pid_t left = leave_a_machine(other);
  ASSERT_NE(left, 0) << "no machine outlived its run";
  const std::string named = fmt::format("QEMU process {}", left);
  const Output dry = other.run({"check", "--clean", "--dry-run"});
  EXPECT_EQ(dry.status.code, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr(named));
  EXPECT_THAT(dry.out, HasSubstr("would be ended"));
  EXPECT_THAT(machines_in(fs::canonical(other.latest())), ElementsAre(left));

  Process third = start_until(program, {"run", "--resume", run.string()}, 4);
  EXPECT_THAT(program.run({"run", "--resume", run.string()}).err, HasSubstr("is still going on"));
  EXPECT_TRUE(eventually([&] { return !machines_in(run).empty(); }, kPatience));
  const Output cleaned = other.run({"check", "--clean"});
  EXPECT_FALSE(third.poll()) << "nobody lived whose machine could have been taken for a dead one's";
  EXPECT_EQ(cleaned.status.code, 0) << cleaned.err;
  EXPECT_THAT(cleaned.out, HasSubstr(named));
  EXPECT_EQ(count_in(cleaned.out, "QEMU process"), 1U) << cleaned.out;
  EXPECT_THAT(cleaned.out, HasSubstr("--resume"));
  EXPECT_TRUE(all_gone({left}, Millis(0)));

  const auto status = third.wait(Deadline::after(kPatience));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 0) << *read_file(program.output_file());
  const auto reports = read_junit(run / "junit.xml");
  EXPECT_THAT(reports, SizeIs(4));
  for (const auto& [name, report] : reports) EXPECT_EQ(report.verdict, "passed") << name << report.message;
  EXPECT_EQ(count_in(*read_file(run / "junit.xml"), "<testcase "), 4U);
  const std::string journal = *read_file(run / "journal.jsonl");
  EXPECT_EQ(count_in(journal, "\"case-settled\""), 4U);
  EXPECT_EQ(count_in(journal, "\"run-started\""), 1U);
  EXPECT_EQ(count_in(journal, "\"run-ended\""), 1U);
  const size_t cut = journal.find("harness.interrupted");
  ASSERT_NE(cut, std::string::npos);
  EXPECT_NE(journal.find("harness.interrupted", journal.find("\"case-settled\"", cut)), std::string::npos)
      << "the attempt that was cut off is one of its case";
}

TEST_F(Resume, RefusesWhatWouldBeAnotherRun) {
  const Program program;
  ASSERT_EQ(program.run({"run", "--filter", kShort}).status.code, 0);
  const Output filter = program.run({"run", "--resume", "latest", "--filter", "*"});
  EXPECT_EQ(filter.status.code, 2);
  EXPECT_THAT(filter.err, HasSubstr("--filter cannot be given with --resume"));
  EXPECT_THAT(program.run({"run", "--resume", "latets"}).err, HasSubstr("did you mean 'latest'?"));
  const std::string journal = program.journal();
  const size_t id = journal.find("\"kernel.build_id\":\"") + 19;
  std::string changed = journal;
  changed[id] = changed[id] == 'a' ? 'b' : 'a';
  ASSERT_TRUE(write_file(program.latest() / "journal.jsonl", changed).ok());
  const Output kernel = program.run({"run", "--resume", "latest"});
  EXPECT_EQ(kernel.status.code, 2);
  EXPECT_THAT(kernel.err, HasSubstr("its kernel.build_id is"));
  EXPECT_THAT(kernel.err, HasSubstr("--accept-changes"));
  EXPECT_EQ(program.journal(), changed);
  EXPECT_EQ(program.run({"run", "--resume", "latest", "--accept-changes"}).status.code, 0);
}

TEST(TwoRuns, AtOnceDoNotDisturbEachOther) {
  const Program program;
  Process one = program.start({"run", "--filter", kShort});
  const Program same;
  Process two = same.start({"run", "--filter", kShort, "--out", program.latest().parent_path().string()});
  EXPECT_EQ(one.wait(Deadline::after(kPatience))->code, 0) << *read_file(program.output_file());
  EXPECT_EQ(two.wait(Deadline::after(kPatience))->code, 0) << *read_file(same.output_file());
  int runs = 0;
  for (const auto& entry : fs::directory_iterator(program.latest().parent_path())) {
    if (entry.is_symlink() || !entry.is_directory()) continue;
    ++runs;
    const auto reports = read_junit(entry.path() / "junit.xml");
    ASSERT_THAT(reports, SizeIs(1)) << entry.path();
    EXPECT_EQ(reports.begin()->second.verdict, "passed") << reports.begin()->second.message;
  }
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace holdfast::e2e
