// Does the agent end when the kernel has ended the thread that serves, and not before?
#include "harness/agent/roll_call.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

/// A program that answers roll calls on a console that stays silent; its first thread ends, or waits.
pid_t start_agent(int console, bool first_thread_ends) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(60);  // should nobody end it
  static Occupation occupation;
  static const auto stop = Stop::create();
  std::thread([console] { answer_roll_calls(console, occupation, *stop); }).detach();
  if (first_thread_ends) ::syscall(SYS_exit, 0);  // of this thread alone, as an oops does
  while (true) ::pause();
}

TEST(RollCalls, EndTheAgentWhoseServingThreadIsDead) {
  std::array<int, 2> console{};
  ASSERT_EQ(::pipe2(console.data(), O_CLOEXEC), 0);
  const Fd in(console[0]);
  const Fd out(console[1]);
  const pid_t dead = start_agent(in.get(), /*first_thread_ends=*/true);
  const pid_t alive = start_agent(in.get(), /*first_thread_ends=*/false);
  int status = 0;
  ASSERT_EQ(::waitpid(dead, &status, 0), dead);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_FALSE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) << "it went on";
  EXPECT_EQ(::waitpid(alive, &status, WNOHANG), 0) << "the one that serves was ended as well";
  ::kill(alive, SIGKILL);
  ::waitpid(alive, &status, 0);
}

/// An agent without a link, whose first thread is in a state that no signal ends: as a parent that waits for its child
/// to let go of its memory.
pid_t start_stuck_agent(int console) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(60);
  static Occupation occupation;
  static const auto stop = Stop::create();
  static std::array<char, 65536> stack;
  occupation.set_up(false);
  std::thread([console] { answer_roll_calls(console, occupation, *stop); }).detach();
  const auto stay = [](void*) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) ::pause();
    return 0;
  };
  ::clone(stay, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
  ::_exit(1);
}

TEST(RollCalls, TellOfAnAgentThatDoesNotComeBackFromTheKernelOnItsWayUp) {
  std::array<int, 2> console{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console.data()), 0);
  const Fd ours(console[0]);
  const Fd theirs(console[1]);
  const pid_t agent = start_stuck_agent(theirs.get());
  const auto state = [&] {
    const auto stat = read_file("/proc/" + std::to_string(agent) + "/stat");
    return stat && stat->find(") D ") != std::string::npos;
  };
  const Deadline patience = Deadline::after(Millis(30'000));
  while (!state() && !patience.expired()) wait_until(patience.at_most(Millis(5)));
  ASSERT_TRUE(write_all(ours.get(), "holdfast-roll-call 0123abcd\n"));
  std::string heard;
  std::array<char, 256> piece{};
  while (heard.find('.') == std::string::npos && wait_readable(ours.get(), patience) == Wake::kReady) {
    const ssize_t got = ::read(ours.get(), piece.data(), piece.size());
    if (got <= 0) break;
    heard.append(piece.data(), static_cast<size_t>(got));
  }
  EXPECT_NE(heard.find("here 0123abcd, busy with coming up (state D"), std::string::npos) << heard;
  ::kill(agent, SIGKILL);
  ::waitpid(agent, nullptr, 0);
}

}  // namespace
}  // namespace holdfast::agent
