// How does a reader of a socket get bytes as if somebody had sent them and hung up?
#include "tools/fuzzing/spoken.h"

#include <sys/socket.h>

#include <array>

#include "harness/base/file.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {

Spoken spoken(std::string_view bytes) {
  std::array<int, 2> ends{};
  promise(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "there are sockets");
  Spoken pair{.near = Fd(ends[0]), .far = Fd(ends[1])};
  // A socket holds 200 KiB before a writer would have to wait.
  promise(write_all(pair.far.get(), bytes).ok(), "a socket takes what is written to it");
  ::shutdown(pair.far.get(), SHUT_WR);
  return pair;
}

}  // namespace holdfast::fuzzing
