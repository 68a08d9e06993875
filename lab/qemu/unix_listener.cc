// How does a socket get a path in a folder, however long that path is?
#include "lab/qemu/unix_listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lab/console/unix_address.h"

namespace holdfast::lab {

Result<UnixListener> UnixListener::create(const std::filesystem::path& folder, std::string_view name) {
  const std::filesystem::path path = folder / name;
  const UnixAddress address = TRY(UnixAddress::of(path));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_error(fmt::format("remove {}", path.string()), errno);
  }
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listening || !client) return system_error("make a socket", errno);
  // A socket that is bound gets its own mode (unix_bind() in net/unix/af_unix.c of Linux): who may connect to QEMU's
  // control channel may do all that QEMU may.
  const bool owned = ::fchmod(listening.get(), 0600) == 0;
  if (!owned || ::bind(listening.get(), address.get(), sizeof address.address) != 0) {
    return system_error(fmt::format("make socket {}", path.string()), errno);
  }
  UnixListener made(path, std::move(listening), std::move(client));
  if (::listen(made.listening_.get(), 1) != 0 ||
      ::connect(made.client_.get(), address.get(), sizeof address.address) != 0) {
    return system_error(fmt::format("connect to socket {}", path.string()), errno);
  }
  return made;
}

UnixListener::~UnixListener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace holdfast::lab
