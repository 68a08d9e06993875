// How is a file of sysfs written when the kernel may block the writer for as long as it likes?
#include "harness/agent/write_jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <climits>

#include "harness/agent/refusal.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

constexpr size_t kMostJobs = 64;
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

Result<WriteJobs::Job> WriteJobs::start(const std::filesystem::path& file, std::string_view text) {
  // One that has ended meanwhile, and that nobody asked about, is not the write that is asked for now.
  std::erase_if(running_, [&](const auto& job) {
    return job.second.file == file.string() && job.second.text == text &&
           next_word(job.second.result.get(), Deadline::after(Millis(0)));
  });
  for (const auto& [job, running] : running_) {
    if (running.file == file.string() && running.text == text) return job;
  }
  if (running_.size() >= kMostJobs) return bad_request(fmt::format("{} writes are still blocked", running_.size()));
  const Fd target(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!target) return kernel_refused(fmt::format("open {}", file.string()), errno);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_error("start a child process", errno);
  if (child == 0) write_and_exit(theirs.get(), target.get(), text.data(), text.size());
  theirs.reset();
  // Until it has let go of our descriptors, closing one of them here would release nothing.
  if (next_word(ours.get(), Deadline::never()) != kLetGo) return system_error("start a child process", ECHILD);
  running_.emplace(next_, Running{.result = std::move(ours), .file = file.string(), .text = std::string(text)});
  return next_++;
}

Result<std::optional<int>> WriteJobs::wait(Job job, const Deadline& deadline) {
  const auto found = running_.find(job);
  if (found == running_.end()) return bad_request(fmt::format("there is no blocked write {}", job));
  const std::optional<int> errnum = next_word(found->second.result.get(), deadline);
  if (errnum) running_.erase(found);
  return errnum;
}

}  // namespace holdfast::agent
