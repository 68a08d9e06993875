// Do the sanitizers that the tests were built with see what they are for? Without this they could be off, and all
// green.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

namespace holdfast {
namespace {

/// Whether a process that does this ends well.
bool ends_well(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);  // the sanitizer's report is expected, and read by nobody
    work();
    std::exit(0);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Two threads write one number. With a lock it would be no race.
void race() {
  volatile int shared = 0;
  const auto write = [&shared] {
    for (int i = 0; i < 1000; ++i) shared = i;
  };
  std::thread other(write);
  write();
  other.join();
}

void write_beyond_the_end() {
  volatile char* const memory = new char[8];
  volatile int at = 8;
  memory[at] = 1;
  delete[] memory;
}

#if defined(__SANITIZE_THREAD__)
constexpr bool kSeesRaces = true;
#else
constexpr bool kSeesRaces = false;
#endif

TEST(Sanitizer, EndsAProgramForWhatItIsForAndNoOther) {
  EXPECT_TRUE(ends_well([] {}));
  EXPECT_NE(ends_well(race), kSeesRaces);
  EXPECT_EQ(ends_well(write_beyond_the_end), kSeesRaces);  // eight bytes of a heap: ThreadSanitizer does not look
}

}  // namespace
}  // namespace holdfast
