// How is a terminal server's port a console?
#include "lab/console/tcp_console.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

class TcpConsole : public ConsoleSource {
 public:
  explicit TcpConsole(Fd fd) : ConsoleSource(std::move(fd)) {}
  Result<std::string> make_break() override { return cannot("a raw TCP port carries no break"); }
};

/// A terminal server that lost its power says nothing: the kernel asks, and gives up after half a minute.
void ask_when_silent(int fd) {
  const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

Result<Fd> connect_to(const addrinfo& there, const Deadline& deadline) {
  Fd fd(::socket(there.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("make a socket", errno);
  if (::connect(fd.get(), there.ai_addr, there.ai_addrlen) != 0 && errno != EINPROGRESS) {
    return lab_error("console-lost", errno_name(errno));
  }
  const Wake wake = wait_writable(fd.get(), deadline);
  if (wake != Wake::kReady) return wait_error(wake, "connection");
  int errnum = 0;
  socklen_t size = sizeof errnum;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &errnum, &size);
  if (errnum != 0) return lab_error("console-lost", errno_name(errnum));
  ask_when_silent(fd.get());
  return fd;
}

}  // namespace

Result<std::unique_ptr<ConsoleSource>> open_tcp(const std::string& address, uint16_t port, const Deadline& deadline) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failed != 0) {
    return lab_error("console-lost", fmt::format("console {}:{}: {}", address, port, ::gai_strerror(failed)));
  }
  Result<Fd> fd = lab_error("console-lost", "no address");
  for (const addrinfo* there = found; there != nullptr && !fd; there = there->ai_next) {
    fd = connect_to(*there, deadline);
  }
  ::freeaddrinfo(found);
  return std::unique_ptr<ConsoleSource>(
      new TcpConsole(TRY_IN(fmt::format("console {}:{}", address, port), std::move(fd))));
}

}  // namespace holdfast::lab
