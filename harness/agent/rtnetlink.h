// How is the kernel asked to configure an interface, without any program?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// An IP address, with or without the length of its network's prefix.
struct IpPrefix {
  int family = 0;              ///< AF_INET or AF_INET6
  std::vector<uint8_t> bytes;  ///< 4 or 16, in network order
  uint8_t length = 0;          ///< bits; all of them when none was said

  /// "192.0.2.7/24", "192.0.2.1", "2001:db8::7/64". Errors: the request's.
  static Result<IpPrefix> parse(std::string_view text);
};

/// A connection to the kernel's routing tables and interfaces. What is there already counts as done. Errors: the
/// kernel's, with errno.
/// Source: rtnetlink(7) and include/uapi/linux/rtnetlink.h.
class RtNetlink {
 public:
  static Result<RtNetlink> open();

  /// Up, with this many bytes to a packet (0: as it is).
  Result<void> set_up(unsigned interface, uint32_t mtu);
  Result<void> add_address(unsigned interface, const IpPrefix& address);
  /// The way to `to` (its length 0: to everywhere) by the neighbour `via`, which need not be in the same network.
  Result<void> add_route(unsigned interface, const IpPrefix& to, const IpPrefix& via);

 private:
  explicit RtNetlink(Fd fd) : fd_(std::move(fd)) {}
  /// Sends a request and waits for its acknowledgement.
  Result<void> ask(std::string_view attempted, uint16_t type, uint16_t flags, const std::string& body);

  Fd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace holdfast::agent
