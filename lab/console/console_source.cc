// How is a console opened, whatever it hangs on?
#include "lab/console/console_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/console/exec_console.h"
#include "lab/console/serial_device.h"
#include "lab/console/sol_console.h"
#include "lab/console/tcp_console.h"

namespace holdfast::lab {

Result<void> make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("make the console non-blocking", errno);
  }
  return {};
}

Result<size_t> write_some(int fd, std::string_view bytes) {
  while (true) {
    ssize_t wrote = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (wrote < 0 && errno == ENOTSOCK) wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote >= 0) return static_cast<size_t>(wrote);
    if (errno == EAGAIN) return size_t{0};
    if (errno != EINTR) return lab_error("console-lost", fmt::format("write to the console: {}", errno_name(errno)));
  }
}

Error ConsoleSource::ended(int errnum) {
  return lab_error("console-lost", errnum == 0 ? "the other end closed the console"
                                               : fmt::format("read the console: {}", errno_name(errnum)));
}

Result<std::string> ConsoleSource::read() {
  std::array<char, 65536> piece;
  while (true) {
    const ssize_t got = ::read(fd_.get(), piece.data(), piece.size());
    if (got > 0) return std::string(piece.data(), static_cast<size_t>(got));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::string();
    return ended(got == 0 ? 0 : errno);
  }
}

Result<std::unique_ptr<ConsoleSource>> open_console(const ConsoleAccess& access, const OpenConsole& how,
                                                    const Deadline& deadline) {
  switch (access.kind) {
    case ConsoleAccess::Kind::kNone:
      return cannot("the inventory names no console for this host");
    case ConsoleAccess::Kind::kSol:
      return open_sol(access.ipmi, how, deadline);
    case ConsoleAccess::Kind::kExec:
      return open_exec(access.argv);
    case ConsoleAccess::Kind::kTcp:
      return open_tcp(access.address, access.port, deadline);
    case ConsoleAccess::Kind::kSerial:
      return open_serial(access.device, access.baud);
  }
  std::abort();
}

Result<void> can_sysrq(const ConsoleAccess& access) {
  using Kind = ConsoleAccess::Kind;
  if (access.kind == Kind::kNone) return cannot("a sysrq needs a console, and the inventory names none for this host");
  if (!access.sysrq_word.empty() || access.kind == Kind::kSol || access.kind == Kind::kSerial) return {};
  return cannot("this kind of console carries no break")
      .because("set sysrq_word of the host's console, to what its other end takes for a break");
}

}  // namespace holdfast::lab
