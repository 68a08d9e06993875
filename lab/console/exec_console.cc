// How does a program carry a console?
#include "lab/console/exec_console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr size_t kComplaintsKept = 4096;
constexpr Millis kLastMoment{1000};  // between the end of its output and its own

class ExecConsole : public ChildConsole {
 public:
  Result<void> start(const std::vector<std::string>& argv) {
    // A socket and no pipes: writing to a program that has ended is then an error and no signal.
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return system_error("make a pair of sockets", errno);
    }
    return launch({.argv = argv}, Fd(ends[0]), Fd(ends[1]));
  }
  Result<std::string> make_break() override { return cannot("a console that a program carries has no break"); }
};

}  // namespace

Result<void> ChildConsole::launch(Command command, Fd ours, Fd theirs) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  stderr_ = Fd(ends[0]);
  const Fd their_stderr(ends[1]);
  TRY(make_non_blocking(stderr_.get()));
  TRY(make_non_blocking(ours.get()));
  fd_ = std::move(ours);
  name_ = command.argv.empty() ? "" : command.argv.front();
  command.stdin_fd = theirs.get();
  command.stdout_fd = theirs.get();
  command.stderr_fd = their_stderr.get();
  process_ = TRY(Process::start(command));
  return {};
}

const std::string& ChildConsole::complaints() {
  std::array<char, 4096> piece;
  for (ssize_t got = 0; (got = ::read(stderr_.get(), piece.data(), piece.size())) > 0;) {
    complaints_.append(piece.data(), static_cast<size_t>(got));
    if (complaints_.size() > kComplaintsKept) complaints_.erase(0, complaints_.size() - kComplaintsKept);
  }
  return complaints_;
}

Result<std::string> ChildConsole::read() {
  complaints();  // a full pipe would stop the program
  return ConsoleSource::read();
}

Error ChildConsole::ended(int) {
  if (!process_) return lab_error("console-lost", "the program was not started");
  const auto status = process_->wait(Deadline::after(kLastMoment));
  const std::string how = status ? status->describe() : "it closed its output";
  return lab_error("console-lost", fmt::format("{} ended: {}", name_, how)).with("stderr", printable(complaints()));
}

Result<std::unique_ptr<ConsoleSource>> open_exec(const std::vector<std::string>& argv) {
  auto console = std::make_unique<ExecConsole>();
  TRY(console->start(argv));
  return std::unique_ptr<ConsoleSource>(std::move(console));
}

}  // namespace holdfast::lab
