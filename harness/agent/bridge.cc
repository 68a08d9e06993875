// How does a controller on another machine get to the agent's socket?
#include "harness/agent/bridge.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <string_view>

#include "harness/agent/unix_socket.h"

namespace holdfast::agent {
namespace {

constexpr short kGone = POLLERR | POLLHUP | POLLNVAL;

/// What is on its way from one descriptor to another: one piece at a time, so that a slow reader slows the writer.
class Lane {
 public:
  Lane(int from, int to) : from_(from), to_(to) {}

  bool wants_to_read() const { return !ended_ && rest_.empty(); }
  bool wants_to_write() const { return !rest_.empty(); }
  /// Nothing more comes and all that came has been handed on.
  bool finished() const { return ended_ && rest_.empty(); }

  /// To be called when the first descriptor is readable, or at its end.
  void read_some() {
    const ssize_t got = ::read(from_, piece_.data(), piece_.size());
    if (got > 0) {
      rest_ = std::string_view(piece_.data(), static_cast<size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      ended_ = true;
    }
  }

  /// To be called when the second descriptor is writable. False: nobody reads there any more.
  bool write_some() {
    ssize_t sent = ::send(to_, rest_.data(), rest_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    // A pipe that is writable takes PIPE_BUF bytes without blocking (man 7 pipe), and may be others' too: so it is not
    // put into non-blocking mode.
    if (sent < 0 && errno == ENOTSOCK) sent = ::write(to_, rest_.data(), std::min<size_t>(rest_.size(), PIPE_BUF));
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    rest_.remove_prefix(static_cast<size_t>(sent));
    return true;
  }

  /// Forgets what is left to hand on, and takes nothing more.
  void give_up() {
    ended_ = true;
    rest_ = {};
  }

 private:
  int from_;
  int to_;
  std::array<char, 65536> piece_{};
  std::string_view rest_;  ///< of `piece_`: not handed on yet
  bool ended_ = false;
};

/// Nothing is polled for nothing: an end that is gone would be reported for ever.
pollfd watch(int fd, bool read, bool write) {
  return {.fd = read || write ? fd : -1,
          .events = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)),
          .revents = 0};
}

}  // namespace

Result<void> bridge(const std::filesystem::path& socket, int in, int out) {
  const Fd daemon = TRY(connect_to(socket));
  ::signal(SIGPIPE, SIG_IGN);
  Lane up(in, daemon.get());
  Lane down(daemon.get(), out);
  bool half_closed = false;
  while (!down.finished()) {
    const bool idle = !up.wants_to_write() && !down.wants_to_write();
    std::array<pollfd, 3> fds{watch(in, up.wants_to_read(), false),
                              watch(daemon.get(), down.wants_to_read(), up.wants_to_write()),
                              watch(out, false, down.wants_to_write())};
    if (idle) fds[2].fd = out;  // with no events: tells only when its reader is gone
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return system_error("wait for the two ends of the bridge", errno);
    }
    const auto& [at_in, at_daemon, at_out] = fds;
    const bool out_gone = (at_out.revents & kGone) != 0;
    // What the controller said last is handed on even if it has hung up since.
    if (idle && out_gone && at_in.revents == 0) return {};
    if (down.wants_to_write() && at_out.revents != 0 && !down.write_some()) return {};
    if (up.wants_to_write() && at_daemon.revents != 0 && !up.write_some()) up.give_up();
    if (down.wants_to_read() && (at_daemon.revents & (POLLIN | kGone)) != 0) down.read_some();
    if (at_in.revents != 0) up.read_some();
    if (up.finished() && !half_closed) half_closed = ::shutdown(daemon.get(), SHUT_WR) == 0 || errno == ENOTCONN;
  }
  return {};
}

}  // namespace holdfast::agent
