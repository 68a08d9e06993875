// How do messages get over one connected socket to a target, whatever kernel is at its other end?
#include "harness/link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "harness/base/text.h"

namespace holdfast {

Result<Link> Link::over(Fd socket, Carrier carrier) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("make the agent's link non-blocking", errno);
  }
  return Link(std::move(socket), carrier);
}

Error Link::gone(std::string why) {
  if (gone_.empty()) gone_ = std::move(why);
  return lab_error(carrier_.is_machine && !spoiled_ ? "vm-link" : "link", gone_ + complaint());
}

Result<bool> Link::wait(short events, const Deadline& deadline) {
  const int stop_fd = deadline.stop() != nullptr ? deadline.stop()->fd() : -1;
  while (true) {
    std::array<pollfd, 3> fds{{{.fd = socket_.get(), .events = events, .revents = 0},
                               {.fd = stop_fd, .events = POLLIN, .revents = 0},
                               {.fd = carrier_.fd, .events = POLLIN, .revents = 0}}};
    const auto left = std::min<Millis::rep>(deadline.remaining().count(), INT_MAX);
    const int count = ::poll(fds.data(), fds.size(), static_cast<int>(left));
    if (count < 0 && errno != EINTR) return system_error("wait for the agent's link", errno);
    if (count > 0) {
      if (fds[1].revents != 0) return wait_error(Wake::kStopped, "word from the agent");
      if (fds[0].revents != 0) return true;  // before the machine's end: its last words count
      return gone(carrier_.is_machine ? "the machine ended" : "the connection to the host ended");
    }
    if (count == 0 && deadline.expired()) return false;
  }
}

Result<void> Link::send(const wire::Message& message, const Deadline& deadline) {
  if (!gone_.empty()) return gone(gone_);
  if (!wire::fits(message)) {
    return harness_error("wire", fmt::format("a message of {} bytes of text and {} of blob is too long to be sent",
                                             message.text.size(), message.blob.size()));
  }
  const std::string frame = wire::encode_frame(message);
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return gone(fmt::format("the link to the agent broke: {}", errno_name(errno)));
    auto ready = wait(POLLOUT, deadline);
    if (ready && *ready) continue;
    if (rest.size() < frame.size()) {
      gone_ = "a message was sent to the agent in part only";
      spoiled_ = true;
    }
    if (!ready) return std::move(ready).error();
    return wait_error(Wake::kDeadline, "room on the link to the agent");
  }
  return {};
}

Result<void> Link::read_some() {
  std::array<char, 65536> piece;
  while (true) {
    const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (got > 0) {
      reader_.feed(std::string_view(piece.data(), static_cast<size_t>(got)));
      return {};
    }
    if (got == 0) return gone("the link to the agent was closed at its other end");
    if (errno == EAGAIN) return {};
    if (errno != EINTR) return gone(fmt::format("the link to the agent broke: {}", errno_name(errno)));
  }
}

Result<std::optional<wire::Message>> Link::receive(const Deadline& deadline) {
  while (true) {
    if (!pending_.empty()) {
      wire::Message message = std::move(pending_.front());
      pending_.pop_front();
      return std::optional(std::move(message));
    }
    while (auto came = reader_.next()) {
      if (auto* message = std::get_if<wire::Message>(&*came)) return std::optional(std::move(*message));
      auto& malformed = std::get<wire::Malformed>(*came);
      if (malformed.fault == wire::Malformed::Fault::kVersion) return harness_error("wire", std::move(malformed.why));
      complain(std::move(malformed.why));
    }
    if (!gone_.empty()) return gone(gone_);
    if (!TRY(wait(POLLIN, deadline))) return std::optional<wire::Message>();
    TRY(read_some());
  }
}

void Link::complain(std::string what) { complaint_ = std::move(what); }

std::string Link::complaint() {
  const std::string what = std::exchange(complaint_, {});
  return what.empty() ? what : fmt::format(" (meanwhile: {})", what);
}

}  // namespace holdfast
