// How does a socket in a folder get an address, however long its path is?
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// The address of the socket `path` for bind() and connect(). Valid as long as `folder`, which a long path goes
/// through.
struct UnixAddress {
  Fd folder;
  sockaddr_un address{};

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  static Result<UnixAddress> of(const std::filesystem::path& path);
};

}  // namespace holdfast::lab
