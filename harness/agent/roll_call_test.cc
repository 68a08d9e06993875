// Does the agent end when the kernel has ended the thread that serves, and not before?
#include "harness/agent/roll_call.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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

}  // namespace
}  // namespace holdfast::agent
