// How is the agent reached on the machine that it runs on?
#include "harness/agent/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

/// Connections beyond the one that is served wait here.
constexpr int kBacklog = 8;

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return usage_error(
        fmt::format("{} is longer than the {} bytes that a unix socket may have", text, sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

Result<Fd> unix_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("make a unix socket", errno);
  return fd;
}

/// A socket file that nobody listens at was left by an agent that was killed.
Result<void> remove_stale(const fs::path& path, const sockaddr_un& address) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode)) return usage_error(fmt::format("{} is there and no socket", path.string()));
  const Fd probe = TRY(unix_socket());
  const bool answered = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (answered || errno != ECONNREFUSED) {
    return usage_error(fmt::format("somebody listens at {} already", path.string()));
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<Fd> listen_at(const fs::path& path) {
  const sockaddr_un address = TRY(address_of(path));
  TRY(remove_stale(path, address));
  Fd fd = TRY(unix_socket());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int errnum = errno;
  ::umask(before);
  if (bound != 0) return system_error(fmt::format("bind a socket to {}", path.string()), errnum);
  if (::listen(fd.get(), kBacklog) != 0) return system_error(fmt::format("listen at {}", path.string()), errno);
  return fd;
}

Result<Fd> connect_to(const fs::path& path) {
  const sockaddr_un address = TRY(address_of(path));
  Fd fd = TRY(unix_socket());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error(fmt::format("connect to {}", path.string()), errno);
  }
  return fd;
}

}  // namespace holdfast::agent
