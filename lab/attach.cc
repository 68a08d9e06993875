// How is somebody's terminal put on a console?
#include "lab/attach.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "harness/base/file.h"
#include "lab/terminal_filter.h"

namespace holdfast::lab {
namespace {

/// Signals that end a program which does not handle them.
constexpr std::array kEnding{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGABRT};

// A signal handler has nothing but these; there is one terminal.
int raw_fd = -1;
termios before_raw{};
std::array<struct sigaction, kEnding.size()> actions_before{};

void restore_and_end(int signal) {
  const int fd = raw_fd;
  if (fd >= 0) ::tcsetattr(fd, TCSANOW, &before_raw);
  ::signal(signal, SIG_DFL);
  ::raise(signal);  // delivered when this handler returns
}

/// Only where nobody else sees to it.
void guard_against_signals() {
  for (size_t i = 0; i < kEnding.size(); ++i) {
    ::sigaction(kEnding.at(i), nullptr, &actions_before.at(i));
    if (actions_before.at(i).sa_handler != SIG_DFL) continue;
    struct sigaction ours{};
    ours.sa_handler = restore_and_end;
    ::sigaction(kEnding.at(i), &ours, nullptr);
  }
}

void unguard() {
  for (size_t i = 0; i < kEnding.size(); ++i) ::sigaction(kEnding.at(i), &actions_before.at(i), nullptr);
}

/// A console whose other end is gone is an end, never a signal.
bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

/// What was read; empty at the end, and when the other side is gone.
std::string read_piece(int fd) {
  std::array<char, 4096> piece;
  ssize_t got = -1;
  do {
    got = ::read(fd, piece.data(), piece.size());
  } while (got < 0 && errno == EINTR);
  return got > 0 ? std::string(piece.data(), static_cast<size_t>(got)) : std::string();
}

/// What shows a console. It is readable again when this object is destroyed, whatever it was given.
class ShownTerminal {
 public:
  explicit ShownTerminal(int fd) : fd_(fd) {
    if (::isatty(fd) == 1) filter_.emplace();
  }
  ~ShownTerminal() {
    if (used_) static_cast<void>(write_all(fd_, filter_->restore()));
  }
  ShownTerminal(const ShownTerminal&) = delete;
  ShownTerminal& operator=(const ShownTerminal&) = delete;

  std::string what_to_show(const std::string& said) {
    if (!filter_) return said;
    used_ = true;
    return filter_->pass(said);
  }

 private:
  int fd_;
  std::optional<TerminalFilter> filter_;
  bool used_ = false;
};

}  // namespace

Result<RawTerminal> RawTerminal::enter(int fd) {
  RawTerminal terminal;
  if (::isatty(fd) != 1) return terminal;
  if (raw_fd >= 0) return harness_error("terminal", "a terminal is attached already");
  if (::tcgetattr(fd, &before_raw) != 0) return system_error("ask how the terminal is set", errno);
  guard_against_signals();
  raw_fd = fd;
  terminal.active_ = true;
  termios raw = before_raw;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) return system_error("set the terminal", errno);
  return terminal;
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept : active_(std::exchange(other.active_, false)) {}

RawTerminal::~RawTerminal() {
  if (!active_) return;
  ::tcsetattr(raw_fd, TCSADRAIN, &before_raw);
  raw_fd = -1;
  unguard();
}

std::string EscapeFilter::pass(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (ended_) break;
    if (state_ == State::kTilde) {
      if (c == '.') {
        ended_ = true;
        break;
      }
      out += c == '~' ? "" : "~";
    } else if (state_ == State::kLineStart && c == '~') {
      state_ = State::kTilde;
      continue;
    }
    out += c;
    state_ = c == '\r' || c == '\n' ? State::kLineStart : State::kWithin;
  }
  return out;
}

Result<Detached> attach_terminal(int input, int output, Fd console, const Stop& stop) {
  const RawTerminal raw = TRY(RawTerminal::enter(input));
  EscapeFilter filter;
  ShownTerminal terminal(output);
  while (true) {
    std::array<pollfd, 3> fds{{{.fd = stop.fd(), .events = POLLIN, .revents = 0},
                               {.fd = console.get(), .events = POLLIN, .revents = 0},
                               {.fd = input, .events = POLLIN, .revents = 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return system_error("wait for the console", errno);
    }
    if (fds[0].revents != 0) return Detached::kStopped;
    if (fds[1].revents != 0) {
      const std::string said = read_piece(console.get());
      if (said.empty()) return Detached::kClosed;
      TRY_IN("the terminal", write_all(output, terminal.what_to_show(said)));
    }
    if (fds[2].revents != 0) {
      const std::string typed = read_piece(input);
      if (typed.empty()) return Detached::kInput;
      if (!send_all(console.get(), filter.pass(typed))) return Detached::kClosed;
      if (filter.ended()) return Detached::kTyped;
    }
  }
}

}  // namespace holdfast::lab
