// How do messages get to the controller and back, over a socket, a virtio port or a serial line?
#include "harness/agent/channel.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace holdfast::agent {
namespace {

/// A peer that takes nothing for this long is as good as gone.
constexpr Millis kSendPatience{30'000};
/// A sender that pauses in a frame for this long has been replaced by another one.
constexpr Millis kFramePatience{2000};

}  // namespace

/// A virtio port says POLLHUP while no host is connected. Source: drivers/char/virtio_console.c of Linux 7.3.
bool Channel::peer_there() const {
  pollfd look{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
  return kind_ != Kind::kPort || ::poll(&look, 1, 0) == 0 || (look.revents & POLLHUP) == 0;
}

Wake Channel::wait_peer(const Deadline& deadline) {
  reader_.reset();
  pending_.clear();
  // poll() would return at once for as long as the host is away; an edge-triggered epoll tells when that changes.
  const Fd edge(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {}};
  const bool watched = ::epoll_ctl(edge.get(), EPOLL_CTL_ADD, fd_.get(), &interest) == 0;
  while (!peer_there()) {
    constexpr Millis kWithoutEpoll{50};
    const Wake wake = watched ? wait_readable(edge.get(), deadline) : wait_until(deadline.at_most(kWithoutEpoll));
    if (wake == Wake::kStopped || deadline.expired()) return wake;
    epoll_event seen{};
    ::epoll_wait(edge.get(), &seen, 1, 0);
  }
  gone_ = false;
  return Wake::kReady;
}

void Channel::note_end(int errnum) {
  gone_ = true;
  lost_ = lost_ || errnum == ENODEV || errnum == ENXIO || kind_ == Kind::kSocket;
}

bool Channel::send(const wire::Message& message) {
  const std::string frame = wire::encode_frame(message);
  std::string_view rest = frame;
  const Deadline patience = Deadline::after(kSendPatience);
  while (!rest.empty() && !gone_) {
    const ssize_t sent = ::write(fd_.get(), rest.data(), rest.size());
    if (sent > 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && errno == EAGAIN) {
      if (!peer_there() || wait_writable(fd_.get(), patience) != Wake::kReady) note_end(0);
    } else if (sent < 0 && errno != EINTR) {
      note_end(errno);
    }
  }
  return rest.empty();
}

/// False when there is nothing more for now.
bool Channel::read_some() {
  std::array<char, 65536> piece;
  const ssize_t got = ::read(fd_.get(), piece.data(), piece.size());
  if (got > 0) {
    reader_.feed(std::string_view(piece.data(), static_cast<size_t>(got)));
    return true;
  }
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno == EAGAIN) return false;
  note_end(got < 0 ? errno : 0);
  return false;
}

std::optional<Channel::Incoming> Channel::receive(const Deadline& deadline) {
  if (!pending_.empty()) {
    wire::Message message = std::move(pending_.front());
    pending_.pop_front();
    return message;
  }
  while (true) {
    if (auto came = reader_.next()) return came;
    if (gone_) return std::nullopt;
    if (read_some()) continue;
    if (gone_) return std::nullopt;
    const Wake wake = wait_readable(fd_.get(), reader_.in_frame() ? deadline.at_most(kFramePatience) : deadline);
    if (wake == Wake::kStopped || (wake == Wake::kDeadline && deadline.expired())) return std::nullopt;
    if (wake == Wake::kDeadline) reader_.give_up_frame();
  }
}

}  // namespace holdfast::agent
