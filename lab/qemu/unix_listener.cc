// How does a socket get a path in a folder, however long that path is?
#include "lab/qemu/unix_listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

Result<UnixListener> UnixListener::create(const std::filesystem::path& folder, std::string_view name) {
  const std::filesystem::path path = folder / name;
  const Fd opened = TRY(open_file(folder, O_PATH | O_DIRECTORY));
  std::string reached = path.string();
  if (reached.size() >= sizeof(sockaddr_un::sun_path)) reached = fmt::format("/proc/self/fd/{}/{}", opened.get(), name);
  if (reached.size() >= sizeof(sockaddr_un::sun_path)) {
    return system_error(fmt::format("name a socket {}", path.string()), ENAMETOOLONG);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_error(fmt::format("remove {}", path.string()), errno);
  }
  const sockaddr_un address = address_of(reached);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listening || !client) return system_error("make a socket", errno);
  if (::bind(listening.get(), generic, sizeof address) != 0) {
    return system_error(fmt::format("make socket {}", path.string()), errno);
  }
  UnixListener made(path, std::move(listening), std::move(client));
  if (::listen(made.listening_.get(), 1) != 0 || ::connect(made.client_.get(), generic, sizeof address) != 0) {
    return system_error(fmt::format("connect to socket {}", path.string()), errno);
  }
  return made;
}

UnixListener::~UnixListener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace holdfast::lab
