// Over which interface does a host's own system talk to us, and how is that one set up?
#pragma once

#include <string>
#include <string_view>

#include "harness/wire/network.h"
#include "lab/metal/ssh.h"

namespace holdfast::lab {

/// What a kernel under test has to bring up to be reached as the host's own system is.
struct ManagementNetwork {
  wire::Network network;
  std::string interface;   ///< "eth0", as that system calls it
  std::string driver;      ///< "igb"
  uint16_t ssh_port = 22;  ///< on which its sshd listens, whatever is forwarded to it on the way
};

/// Asks the host for the interface that carries this very connection. Errors: Ssh's; lab.network when it is none that a
/// test kernel could bring up by itself (a bridge, a bond, a VLAN).
Result<ManagementNetwork> management_network(Ssh& ssh, const Deadline& deadline);

/// The same from what the host said: lines "key value", then "routes", then those of `ip route show`.
Result<ManagementNetwork> parse_management_network(std::string_view text);

}  // namespace holdfast::lab
