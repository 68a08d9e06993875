// How does a reader of a socket get bytes as if somebody had sent them and hung up?
#pragma once

#include <string_view>

#include "harness/base/fd.h"

namespace holdfast::fuzzing {

/// Two connected sockets: `near` has the bytes to read and then the end; what is written to it is kept by `far`.
struct Spoken {
  Fd near;
  Fd far;
};
Spoken spoken(std::string_view bytes);

}  // namespace holdfast::fuzzing
