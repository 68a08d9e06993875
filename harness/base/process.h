// How does the harness start a program, wait for it, and make sure that it is gone?
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"

namespace holdfast {

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< exit code, when signal is 0
  int signal = 0;  ///< the signal that ended it, or 0
  bool success() const { return code == 0 && signal == 0; }
  /// "exit code 3", "killed by signal 9 (Killed)".
  std::string describe() const;
};

/// What to start and with what around it.
struct Command {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH unless it has a slash
  std::filesystem::path cwd = {};
  std::map<std::string, std::string> env = {};  ///< added to this process's environment
  int stdin_fd = -1;                            ///< -1: /dev/null
  int stdout_fd = -1;                           ///< -1: /dev/null
  int stderr_fd = -1;                           ///< -1: /dev/null
  std::vector<int> keep_fds = {};               ///< further descriptors that the child inherits under the same numbers
};

/// A child in a process group of its own, which is killed when the *thread* that started it ends (PDEATHSIG) and
/// terminated, killed after a grace time, and reaped when this object is destroyed. Inherits no descriptor but those
/// named in the Command. Move-only. Not thread-safe.
class Process {
 public:
  static Result<Process> start(const Command& command);

  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  /// Becomes readable when the process has ended.
  int pidfd() const { return pidfd_.get(); }
  /// Waits for the end; reaps. Errors: lab.timeout, harness.stopped.
  Result<ExitStatus> wait(const Deadline& deadline);
  /// The status when it has already ended.
  std::optional<ExitStatus> poll();
  /// Sends `signal` to the whole group.
  void signal_group(int signal) const;
  /// SIGTERM to the group, SIGKILL after `grace`; reaps. Does nothing when it has already ended.
  ExitStatus stop(Millis grace = Millis(2000));

 private:
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

/// What a program that ran to its end left.
struct Output {
  ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a program to its end and collects what it wrote (each stream capped at `cap` bytes, the rest is dropped).
/// `feed` is written to its standard input. Errors: lab.exec when it cannot be started, lab.timeout. A non-zero exit is
/// not an error.
Result<Output> run(Command command, const Deadline& deadline, std::string_view feed = {}, size_t cap = 16 << 20);

/// The full path of `program` in PATH, if it is there.
std::optional<std::filesystem::path> find_program(std::string_view program);

}  // namespace holdfast
