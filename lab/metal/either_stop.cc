// How does one wait end for either of two reasons?
#include "lab/metal/either_stop.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

namespace holdfast::lab {

Result<std::unique_ptr<EitherStop>> EitherStop::of(const Stop* first, const Stop& second) {
  Stop stop = TRY(Stop::create());
  Stop end = TRY(Stop::create());
  return std::unique_ptr<EitherStop>(new EitherStop(first, second, std::move(stop), std::move(end)));
}

EitherStop::EitherStop(const Stop* first, const Stop& second, Stop stop, Stop end)
    : stop_(std::move(stop)), end_(std::move(end)), watcher_([this, first, &second] { watch(first, second); }) {}

EitherStop::~EitherStop() { end_.request(); }

void EitherStop::watch(const Stop* first, const Stop& second) const {
  std::array<pollfd, 3> fds{{{.fd = end_.fd(), .events = POLLIN, .revents = 0},
                             {.fd = second.fd(), .events = POLLIN, .revents = 0},
                             {.fd = first != nullptr ? first->fd() : -1, .events = POLLIN, .revents = 0}}};
  while (::poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) break;
  }
  if (fds[1].revents != 0 || fds[2].revents != 0) stop_.request();
}

}  // namespace holdfast::lab
