// How does a socket in a folder get an address, however long its path is?
#include "lab/console/unix_address.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "harness/base/file.h"

namespace holdfast::lab {

Result<UnixAddress> UnixAddress::of(const std::filesystem::path& path) {
  UnixAddress made{.folder = TRY(open_file(path.parent_path(), O_PATH | O_DIRECTORY))};
  std::string reached = path.string();
  if (reached.size() >= sizeof(sockaddr_un::sun_path)) {
    reached = fmt::format("/proc/self/fd/{}/{}", made.folder.get(), path.filename().string());
  }
  if (reached.size() >= sizeof(sockaddr_un::sun_path)) {
    return system_error(fmt::format("name a socket {}", path.string()), ENAMETOOLONG);
  }
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path, reached.data(), reached.size());
  return made;
}

}  // namespace holdfast::lab
