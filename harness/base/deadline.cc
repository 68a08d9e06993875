// How does waiting end: ready, too late, or told to stop?
#include "harness/base/deadline.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>

namespace holdfast {

Result<Stop> Stop::create() {
  Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return system_error("make an eventfd for stop requests", errno);
  return Stop(std::move(event));
}

void Stop::request() const noexcept {
  const uint64_t one = 1;
  // A full counter is as readable as a fresh one, so the result does not matter.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

bool Stop::requested() const noexcept {
  pollfd look{.fd = event_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&look, 1, 0) == 1;
}

Deadline Deadline::at_most(Millis span) const { return {std::min(at_, Clock::now() + span), stop_}; }

Millis Deadline::remaining() const {
  const auto left = at_ - Clock::now();
  return std::max(std::chrono::ceil<Millis>(left), Millis(0));
}

namespace {

int poll_timeout(const Deadline& deadline) {
  return static_cast<int>(std::min<Millis::rep>(deadline.remaining().count(), INT_MAX));
}

/// Polls `fd` (-1: nothing) for `events`, beside the deadline's stop.
Wake wait_for(int fd, short events, const Deadline& deadline) {
  const int stop_fd = deadline.stop() != nullptr ? deadline.stop()->fd() : -1;
  while (true) {
    std::array<pollfd, 2> fds{
        {{.fd = fd, .events = events, .revents = 0}, {.fd = stop_fd, .events = POLLIN, .revents = 0}}};
    const int count = ::poll(fds.data(), fds.size(), poll_timeout(deadline));
    if (count > 0) {
      if (fds[1].revents != 0) return Wake::kStopped;
      return Wake::kReady;
    }
    if (count == 0 && deadline.expired()) return Wake::kDeadline;
    if (count < 0 && errno != EINTR && errno != EAGAIN) return Wake::kDeadline;
  }
}

}  // namespace

Wake wait_readable(int fd, const Deadline& deadline) { return wait_for(fd, POLLIN, deadline); }
Wake wait_writable(int fd, const Deadline& deadline) { return wait_for(fd, POLLOUT, deadline); }
Wake wait_until(const Deadline& deadline) { return wait_for(-1, 0, deadline); }

Error wait_error(Wake wake, std::string_view waited_for) {
  if (wake == Wake::kStopped) return harness_error("stopped", fmt::format("stopped while waiting for {}", waited_for));
  return lab_error("timeout", fmt::format("no {} within the deadline", waited_for));
}

}  // namespace holdfast
