// How is a file written when the kernel may block the writer for as long as it likes?
#include "harness/base/child_write.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace holdfast {
namespace {

/// What a child says once it has let go of everything that is not its own.
constexpr int kLetGo = -1;

/// The child's whole life. Only async-signal-safe calls.
[[noreturn]] void write_and_exit(int result, int file, const char* text, size_t size) {
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  // All descriptors but the two: below, between and above them.
  const auto low = static_cast<unsigned>(result < file ? result : file);
  const auto high = static_cast<unsigned>(result < file ? file : result);
  if (low > 0) ::close_range(0, low - 1, 0);
  if (high > low + 1) ::close_range(low + 1, high - 1, 0);
  ::close_range(high + 1, UINT_MAX, 0);
  int word = kLetGo;
  if (::write(result, &word, sizeof word) != sizeof word) ::_exit(1);
  word = ::write(file, text, size) < 0 ? errno : 0;
  if (::write(result, &word, sizeof word) != sizeof word) ::_exit(1);
  ::_exit(0);
}

/// The next word of the child, or nothing by the deadline. A child that died without one was killed: EINTR.
std::optional<int> next_word(int result, const Deadline& deadline) {
  if (wait_readable(result, deadline) != Wake::kReady) return std::nullopt;
  int word = 0;
  const ssize_t got = ::read(result, &word, sizeof word);
  return got == sizeof word ? word : EINTR;
}

}  // namespace

Result<ChildWrite> ChildWrite::start(const Fd& file, std::string_view text) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_error("start a child process", errno);
  if (child == 0) write_and_exit(theirs.get(), file.get(), text.data(), text.size());
  theirs.reset();
  // Until it has let go of our descriptors, closing one of them here would release nothing.
  if (next_word(ours.get(), Deadline::never()) != kLetGo) return system_error("start a child process", ECHILD);
  return ChildWrite(std::move(ours), child);
}

std::optional<int> ChildWrite::wait(const Deadline& deadline) const {
  const std::optional<int> errnum = next_word(result_.get(), deadline);
  // Its last word is said: it is gone in a moment, unless the kernel reaps the children anyway.
  while (errnum && ::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  return errnum;
}

}  // namespace holdfast
