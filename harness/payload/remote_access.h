// How is a machine that runs a payload reached over its network?
#pragma once

#include <cstdint>
#include <string>

#include "harness/wire/network.h"

namespace holdfast {

/// One boot's keys. Logins of root with the authorized key get a connection to the agent and nothing else.
struct RemoteSsh {
  std::string host_key;    ///< the private key itself, in OpenSSH's PEM form; a secret
  std::string authorized;  ///< one public key, "ssh-ed25519 AAAA..."
  uint16_t port = 22;
};

/// The network to bring up, and who may come in.
struct RemoteAccess {
  wire::Network network;
  RemoteSsh ssh;
};

/// What the sshd of a payload is told: root alone, by the one key, on the management address alone, no terminal,
/// nothing passed on.
std::string sshd_config(const RemoteAccess& remote);

}  // namespace holdfast
