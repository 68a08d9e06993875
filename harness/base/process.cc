// How are programs started, waited for and ended? The only user of Boost.Process, and of it only the spawn.
//
// The wait is our own (pidfd and waitpid), because a library that waits in an event loop can block the whole thread, so
// that no deadline fires. When the leader of a process group has ended, whatever is left of the group is killed before
// the leader is reaped: until then its number cannot be given to another group.
#include "harness/base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/process/v2/posix/vfork_launcher.hpp>
#include <boost/process/v2/process.hpp>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/base/withheld.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using BoostError = boost::system::error_code;
using BoostPath = boost::process::v2::filesystem::path;
using Argv = const char* const*;

/// What is done in the child between fork and exec: only calls that are async-signal-safe, no allocation.
class ChildSetup {
 public:
  explicit ChildSetup(const Command& command) : command_(command), parent_(::getpid()) {}

  /// In the parent, before the fork. Boost closes what is not on its list, by way of its own error pipe's number.
  template <class Launcher>
  BoostError on_setup(Launcher& launcher, const BoostPath&, Argv&) const {
    if constexpr (requires { launcher.fd_whitelist; }) {
      auto& kept = launcher.fd_whitelist;
      kept.insert(kept.end(), command_.keep_fds.begin(), command_.keep_fds.end());
    }
    return {};
  }

  template <class Launcher>
  BoostError on_exec_setup(Launcher&, const BoostPath&, Argv&) const {
    if (prepare()) return {};
    return {errno, boost::system::system_category()};
  }

  /// In the child, after a failed exec, whose errno the parent has by now: leaves without running what this program
  /// registered for its own exit. Takes anything, since Boost 1.81 asks for one signature and calls another.
  template <class... Ignored>
  void on_exec_error(Ignored&&...) const {
    ::_exit(127);
  }

 private:
  bool prepare() const {
    if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
    if (::getppid() != parent_) ::_exit(127);  // the parent ended before PDEATHSIG was set
    reset_signals();
    if (!command_.cwd.empty() && ::chdir(command_.cwd.c_str()) != 0) return false;
    return place_standard_streams() && hide_descriptors();
  }

  static void reset_signals() {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);  // refused for KILL and STOP: no matter
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  bool place_standard_streams() const {
    std::array<int, 3> from{command_.stdin_fd, command_.stdout_fd, command_.stderr_fd};
    // Copies above the three first, so that no dup2 below overwrites the source of a later one.
    for (int& fd : from) {
      fd = fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 3) : ::open("/dev/null", O_RDWR | O_CLOEXEC);
      if (fd >= 0 && fd < 3) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (fd < 0) return false;
    }
    for (int target = 0; target < 3; ++target) {
      if (::dup2(from[static_cast<size_t>(target)], target) < 0) return false;
    }
    return true;
  }

  /// Marks rather than closes: the pipe that tells the parent of a failed exec must live until then.
  bool hide_descriptors() const {
    if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
    return std::all_of(command_.keep_fds.begin(), command_.keep_fds.end(),
                       [](int fd) { return ::fcntl(fd, F_SETFD, 0) == 0; });
  }

  const Command& command_;
  pid_t parent_;
};

/// This process's environment, but for what is withheld, with `added` over it.
std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!added.contains(name) && !is_withheld(name)) merged.emplace_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(fmt::format("{}={}", name, value));
  return merged;
}

std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  pointers.push_back(nullptr);
  return pointers;
}

Error exec_error(const Command& command, int errnum) {
  Error error = system_error(fmt::format("start {}", command.argv[0]), errnum);
  error.kind = "exec";
  return std::move(error).with("argv", shell_quote(command.argv));
}

Result<fs::path> locate(const Command& command) {
  if (command.argv.empty() || command.argv[0].empty()) return harness_error("exec", "start a program without a name");
  if (!command.cwd.empty() && !fs::is_directory(command.cwd)) {
    return system_error(fmt::format("start {} in folder {}", command.argv[0], command.cwd.string()), ENOTDIR);
  }
  if (command.argv[0].find('/') != std::string::npos) return fs::path(command.argv[0]);
  if (auto found = find_program(command.argv[0])) return *std::move(found);
  return exec_error(command, ENOENT).because("it is in no folder of PATH");
}

void reap_now(pid_t pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// Gives the pid, or the errno for which there is none.
Result<pid_t> spawn(const Command& command, const fs::path& program) {
  const std::vector<std::string> arguments(command.argv.begin() + 1, command.argv.end());
  const std::vector<std::string> environment = merged_environment(command.env);
  const std::vector<const char*> environment_pointers = pointers_to(environment);
  // The child of a vfork has its parent's memory, and the parent's other threads go on: so what Boost allocates in it
  // before the exec cannot wait for a lock that some thread held when it was made.
  boost::process::v2::posix::vfork_launcher launcher;
  launcher.env = environment_pointers.data();
  try {
    boost::asio::io_context context;
    BoostError failed;
    ChildSetup setup(command);
    auto process = launcher(context.get_executor(), failed, BoostPath(program.native()), arguments, setup);
    if (failed) {
      reap_now(launcher.pid);
      return exec_error(command, failed.value());
    }
    process.detach();
  } catch (const std::exception& thrown) {
    reap_now(launcher.pid);
    return lab_error("exec", fmt::format("start {}: {}", command.argv[0], thrown.what()));
  }
  return static_cast<pid_t>(launcher.pid);
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  const char* text = ::sigdescr_np(signal);
  return fmt::format("killed by signal {} ({})", signal, text != nullptr ? text : "unknown");
}

Result<Process> Process::start(const Command& command) {
  const fs::path program = TRY(locate(command));
  struct sigaction children{};
  // A caller that ignores SIGCHLD, and passes that on, would make the kernel reap our children behind our back.
  if (::sigaction(SIGCHLD, nullptr, &children) == 0 && children.sa_handler == SIG_IGN) ::signal(SIGCHLD, SIG_DFL);
  const pid_t pid = TRY(spawn(command, program));
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int errnum = errno;
    reap_now(pid);
    return system_error(fmt::format("watch {}", command.argv[0]), errnum);
  }
  return Process(pid, std::move(pidfd));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    stop();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    status_ = std::exchange(other.status_, std::nullopt);
  }
  return *this;
}

Process::~Process() { stop(); }

std::optional<ExitStatus> Process::poll() {
  if (status_ || pid_ <= 0) return status_;
  siginfo_t ended{};
  const int looked = ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
  if (looked == 0 && ended.si_pid == 0) return std::nullopt;
  if (looked != 0 && errno != ECHILD) return std::nullopt;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  // ECHILD: somebody else in this program reaped it; its status is lost, which must not read as success.
  status_ = ::waitpid(pid_, &status, 0) == pid_ ? decode(status) : ExitStatus{.code = 127, .signal = 0};
  return status_;
}

Result<ExitStatus> Process::wait(const Deadline& deadline) {
  while (true) {
    if (const auto ended = poll()) return *ended;
    if (pid_ <= 0) return harness_error("exec", "wait for a process that was moved away");
    const Wake wake = wait_readable(pidfd_.get(), deadline);
    if (wake != Wake::kReady) return wait_error(wake, fmt::format("end of process {}", pid_));
  }
}

void Process::signal_group(int signal) const {
  if (pid_ > 0 && !status_) ::kill(-pid_, signal);
}

ExitStatus Process::stop(Millis grace) {
  if (const auto ended = poll(); ended || pid_ <= 0) return ended.value_or(ExitStatus{});
  signal_group(SIGTERM);
  signal_group(SIGCONT);  // a stopped process takes SIGTERM only once it goes on
  if (const auto ended = wait(Deadline::after(grace))) return *ended;
  signal_group(SIGKILL);
  // Only a process stuck inside the kernel outlives this; it is left to init rather than waited for without end.
  if (const auto ended = wait(Deadline::after(std::chrono::seconds(10)))) return *ended;
  pid_ = -1;
  return {.code = 0, .signal = SIGKILL};
}

namespace {

/// One output stream of a child: the end that is read, and what came.
struct Stream {
  Fd read_end;
  Fd write_end;
  std::string text;
  size_t cap = 0;

  static Result<Stream> open(size_t cap) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    Stream stream{.read_end = Fd(ends[0]), .write_end = Fd(ends[1]), .text = {}, .cap = cap};
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return system_error("set up a pipe", errno);
    return stream;
  }

  /// Takes what is there now; closes at the end. Bounded, so that a writer without end cannot hold it up.
  void drain() {
    constexpr int kPiecesAtMost = 64;
    std::array<char, 65536> piece;
    for (int pieces = 0; read_end && pieces < kPiecesAtMost; ++pieces) {
      const ssize_t got = ::read(read_end.get(), piece.data(), piece.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return read_end.reset();
      text.append(piece.data(), std::min(static_cast<size_t>(got), cap - text.size()));
    }
  }
};

/// A file without a name that begins with `text`: as standard input it needs nobody to pump it, and no SIGPIPE comes
/// from a program that does not read it.
Result<Fd> memory_file(std::string_view text) {
  Fd file(::memfd_create("stdin", MFD_CLOEXEC));
  if (!file) return system_error("make a memory file", errno);
  TRY_IN("standard input", write_all(file.get(), text));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_error("rewind a memory file", errno);
  return file;
}

/// Waits until a stream has something, the process ended, or the deadline or stop comes.
Wake wait_any(const Stream& out, const Stream& err, const Process& process, const Deadline& deadline) {
  const int stop_fd = deadline.stop() != nullptr ? deadline.stop()->fd() : -1;
  std::array<pollfd, 4> fds{{{.fd = stop_fd, .events = POLLIN, .revents = 0},
                             {.fd = out.read_end.get(), .events = POLLIN, .revents = 0},
                             {.fd = err.read_end.get(), .events = POLLIN, .revents = 0},
                             {.fd = process.pidfd(), .events = POLLIN, .revents = 0}}};
  const auto timeout = std::min<Millis::rep>(deadline.remaining().count(), INT_MAX);
  const int count = ::poll(fds.data(), fds.size(), static_cast<int>(timeout));
  if (count > 0 && fds[0].revents != 0) return Wake::kStopped;
  return count == 0 && deadline.expired() ? Wake::kDeadline : Wake::kReady;
}

}  // namespace

Result<Output> run(Command command, const Deadline& deadline, std::string_view feed, size_t cap) {
  Stream out = TRY(Stream::open(cap));
  Stream err = TRY(Stream::open(cap));
  if (command.stdout_fd < 0) command.stdout_fd = out.write_end.get();
  if (command.stderr_fd < 0) command.stderr_fd = err.write_end.get();
  Fd input;
  if (!feed.empty()) {
    input = TRY(memory_file(feed));
    command.stdin_fd = input.get();
  }
  Process process = TRY(Process::start(command));
  out.write_end.reset();
  err.write_end.reset();
  while (true) {
    const Wake wake = wait_any(out, err, process, deadline);
    const auto status = process.poll();
    out.drain();
    err.drain();
    if (status) return Output{.status = *status, .out = std::move(out.text), .err = std::move(err.text)};
    if (wake == Wake::kReady && !deadline.expired()) continue;
    process.stop();
    out.drain();
    err.drain();
    return wait_error(wake == Wake::kStopped ? wake : Wake::kDeadline, fmt::format("end of {}", command.argv[0]))
        .with("argv", shell_quote(command.argv))
        .with("stderr", std::string(last_lines(err.text, 40)));
  }
}

std::optional<fs::path> find_program(std::string_view program) {
  const auto runnable = [](const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
  };
  if (program.empty()) return std::nullopt;
  if (program.find('/') != std::string_view::npos) {
    return runnable(fs::path(program)) ? std::optional(fs::absolute(program)) : std::nullopt;
  }
  const char* search = std::getenv("PATH");
  for (const std::string_view folder : split(search != nullptr ? search : "/usr/local/bin:/usr/bin:/bin", ':')) {
    const fs::path candidate = fs::absolute(folder.empty() ? "." : folder) / program;
    if (runnable(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace holdfast
