// Does a started program get what it should, nothing else, and is it gone when it must be?
#include "harness/base/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>
#include <thread>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

Deadline soon() { return Deadline::after(seconds(20)); }

Command shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

/// Waits until `pid` is gone or a zombie that somebody else will reap.
bool gone(pid_t pid) {
  for (const Deadline deadline = Deadline::after(seconds(5)); !deadline.expired();) {
    const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    if (!stat || stat->find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(Millis(5));
  }
  return false;
}

TEST(Process, GivesExitCodeOrSignal) {
  EXPECT_EQ(Process::start(shell("exit 3"))->wait(soon())->describe(), "exit code 3");
  EXPECT_EQ(Process::start(shell("kill -9 $$"))->wait(soon())->describe(), "killed by signal 9 (Killed)");
  EXPECT_TRUE(Process::start(shell("true"))->wait(soon())->success());
  EXPECT_FALSE((ExitStatus{.code = 0, .signal = 9}).success());
}

TEST(Process, NamesTheProgramWhenItCannotBeStarted) {
  const auto missing = Process::start({.argv = {"no-such-program-here"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().type(), "lab.exec");
  EXPECT_THAT(missing.error().what, HasSubstr("no-such-program-here"));

  const auto no_program = Process::start({.argv = {"/etc/passwd", "x"}});
  ASSERT_FALSE(no_program);
  EXPECT_EQ(no_program.error().errnum, EACCES);
  EXPECT_THAT(no_program.error().what, HasSubstr("/etc/passwd"));

  EXPECT_EQ(Process::start({.argv = {}}).error().type(), "harness.exec");
  EXPECT_THAT(Process::start({.argv = {"true"}, .cwd = "/no/such/folder"}).error().what, HasSubstr("/no/such/folder"));
}

TEST(Process, LeavesNoZombieWhenExecFails) {
  ASSERT_FALSE(Process::start({.argv = {"/etc/passwd"}}));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Process, InheritsOnlyDescriptorsThatAreKept) {
  const Fd low_kept(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd secret(::fcntl(low_kept.get(), F_DUPFD, 600));  // on purpose not F_DUPFD_CLOEXEC
  const Fd kept(::fcntl(low_kept.get(), F_DUPFD_CLOEXEC, 700));
  Command list = shell("echo /proc/self/fd/*");
  const auto without = run(list, soon());
  EXPECT_EQ(without->out, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");  // 3: the shell's own

  list = {.argv = {"ls", "/proc/self/fd"}, .keep_fds = {kept.get(), low_kept.get()}};
  const auto with = run(list, soon());
  EXPECT_THAT(with->out, HasSubstr("\n" + std::to_string(low_kept.get()) + "\n"));
  EXPECT_THAT(with->out, HasSubstr("\n700\n"));
  EXPECT_THAT(with->out, Not(HasSubstr("\n" + std::to_string(secret.get()) + "\n")));
}

TEST(Process, StandardStreamsCanBeSwapped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  Command command = shell("echo to-out; echo to-err >&2");
  command.stdout_fd = 2;
  command.stderr_fd = write_end.get();
  ASSERT_TRUE(Process::start(command)->wait(soon()));
  write_end.reset();
  std::array<char, 64> text{};
  ASSERT_GT(::read(read_end.get(), text.data(), text.size()), 0);
  EXPECT_STREQ(text.data(), "to-err\n");
}

TEST(Process, StartsInItsOwnGroupWithFreshSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  const auto output = run(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status; ps -o pgid= -p $$; echo $$"), soon());
  ::signal(SIGPIPE, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(output->out, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
  const auto lines = split(trim(output->out), '\n');
  EXPECT_EQ(trim(lines[2]), trim(lines[3]));
}

TEST(Process, WaitEndsAtDeadlineAndProcessLivesOn) {
  auto process = Process::start({.argv = {"sleep", "60"}});
  const auto ended = process->wait(Deadline::after(Millis(30)));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().type(), "lab.timeout");
  EXPECT_FALSE(process->poll());
  EXPECT_EQ(::kill(process->pid(), 0), 0);
}

TEST(Process, DestructorKillsGrandchildrenThatIgnoreSigterm) {
  const auto dir = TempDir::create();
  const auto pid_file = dir->path() / "pid";
  {
    auto process = Process::start(shell("trap '' TERM; (trap '' TERM; sh -c 'echo $PPID' >" + pid_file.string() +
                                        "; sleep 60) & wait; sleep 60"));
    ASSERT_TRUE(process);
    while (!std::filesystem::exists(pid_file) || read_file(pid_file)->empty()) std::this_thread::sleep_for(Millis(5));
    process->stop(Millis(50));
  }
  const auto grandchild = parse_u64(trim(*read_file(pid_file)));
  ASSERT_TRUE(grandchild);
  EXPECT_TRUE(gone(static_cast<pid_t>(*grandchild)));
}

TEST(Process, KillsWhatIsLeftOfTheGroupWhenItsLeaderEnds) {
  const auto output = run(shell("sleep 60 & echo $!"), soon());
  ASSERT_TRUE(output);
  EXPECT_TRUE(gone(static_cast<pid_t>(*parse_u64(trim(output->out)))));
}

TEST(Process, StopEndsAStoppedProcessWithSigterm) {
  auto process = Process::start({.argv = {"sleep", "60"}});
  ::kill(process->pid(), SIGSTOP);
  EXPECT_EQ(process->stop(seconds(10)).signal, SIGTERM);
}

TEST(Process, DiesWithTheThreadThatStartedIt) {
  std::optional<Result<Process>> process;
  std::thread([&] { process = Process::start({.argv = {"sleep", "60"}}); }).join();
  EXPECT_EQ((*process)->wait(soon())->signal, SIGKILL);
}

TEST(Process, MovedFromProcessOwnsNothing) {
  auto first = Process::start({.argv = {"sleep", "60"}});
  Process second = *std::move(first);
  EXPECT_EQ(first->pid(), -1);
  EXPECT_FALSE(first->wait(soon()));
  EXPECT_EQ(::kill(second.pid(), 0), 0);
  second = *Process::start({.argv = {"true"}});
  EXPECT_TRUE(second.wait(soon())->success());
}

TEST(Run, CollectsBothStreamsWithoutDeadlock) {
  const auto output =
      run(shell("head -c 3000000 /dev/zero | tr '\\0' e >&2; head -c 3000000 /dev/zero | tr '\\0' o"), soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, std::string(3000000, 'o'));
  EXPECT_EQ(output->err, std::string(3000000, 'e'));
}

TEST(Run, DropsWhatIsOverTheCap) {
  const auto output = run(shell("head -c 300000 /dev/zero; echo small >&2"), soon(), {}, 1000);
  EXPECT_EQ(output->out.size(), 1000U);
  EXPECT_EQ(output->err, "small\n");
}

TEST(Run, FeedsStandardInput) {
  const std::string text(200000, 'x');
  EXPECT_EQ(run({.argv = {"cat"}}, soon(), text)->out, text);
  EXPECT_TRUE(run({.argv = {"true"}}, soon(), text)->status.success());  // one that does not read it
  EXPECT_EQ(run({.argv = {"cat"}}, soon())->out, "");
}

TEST(Run, MergesEnvironmentAndUsesFolder) {
  ASSERT_EQ(::setenv("HOLDFAST_TEST_KEPT", "kept", 1), 0);
  ASSERT_EQ(::setenv("HOLDFAST_TEST_CHANGED", "old", 1), 0);
  Command command = shell("echo $HOLDFAST_TEST_KEPT $HOLDFAST_TEST_CHANGED; pwd");
  command.env = {{"HOLDFAST_TEST_CHANGED", "new"}};
  command.cwd = "/proc";
  EXPECT_EQ(run(command, soon())->out, "kept new\n/proc\n");
}

TEST(Run, KillsTheGroupAtTheDeadline) {
  const auto dir = TempDir::create();
  const auto pid_file = dir->path() / "pid";
  const auto begun = Deadline::Clock::now();
  const auto output =
      run(shell("sleep 60 & echo $! >" + pid_file.string() + "; echo why >&2; wait"), Deadline::after(Millis(300)));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().type(), "lab.timeout");
  EXPECT_THAT(output.error().what, HasSubstr("sh"));
  ASSERT_EQ(output.error().evidence.size(), 2U);
  EXPECT_EQ(output.error().evidence[1].text, "why\n");
  EXPECT_LT(Deadline::Clock::now() - begun, seconds(5));
  EXPECT_TRUE(gone(static_cast<pid_t>(*parse_u64(trim(*read_file(pid_file))))));
}

TEST(Run, EndsWhenStopIsRequested) {
  const auto stop = Stop::create();
  std::thread asker([&] {
    std::this_thread::sleep_for(Millis(100));
    stop->request();
  });
  const auto output = run({.argv = {"sleep", "60"}}, Deadline::after(seconds(20), &*stop));
  asker.join();
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().type(), "harness.stopped");
}

TEST(Run, ReturnsWhenAnEscapedDaemonHoldsItsOutput) {
  const auto begun = Deadline::Clock::now();
  const auto output = run(shell("setsid sleep 3 & echo done"), soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "done\n");
  EXPECT_LT(Deadline::Clock::now() - begun, seconds(2));
}

TEST(FindProgram, LooksInPathAndOnlyForPrograms) {
  EXPECT_TRUE(find_program("sh"));
  EXPECT_TRUE(find_program("sh")->is_absolute());
  EXPECT_FALSE(find_program("no-such-program-here"));
  EXPECT_FALSE(find_program("/etc/passwd"));
  EXPECT_FALSE(find_program("/tmp"));
  EXPECT_FALSE(find_program(""));
}

/// Takes memory from many places of the program, of many sizes.
void take_memory(int depth, const Stop& stop) {
  const std::vector<char> taken(static_cast<size_t>(depth) * 37 + 1);
  if (depth > 0 && !stop.requested()) take_memory(depth - 1, stop);
}

TEST(Process, StartsWhileOtherThreadsTakeMemory) {
  const auto stop = Stop::create();
  ASSERT_TRUE(stop.ok());
  std::vector<std::jthread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      for (int depth = 0; !stop->requested(); depth = (depth + 1) % 60) take_memory(depth, *stop);
    });
  }
  // A child that waits for a lock that one of them held would never get to its program.
  int ended = 0;
  for (; ended < 150; ++ended) {
    const auto output = run({.argv = {"true"}}, Deadline::after(Millis(60'000)));
    if (!output || !output->status.success()) break;
  }
  stop->request();
  EXPECT_EQ(ended, 150);
}

}  // namespace
}  // namespace holdfast
