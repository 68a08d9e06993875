// What does the part of a payload say that is one boot's own: its network, its keys?
#include "harness/payload/remote_access.h"

#include <fmt/format.h>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/payload/payload.h"
#include "harness/payload/payload_cpio.h"
#include "harness/wire/codec.h"

namespace holdfast {
namespace {

/// Enough to start a generator of random numbers that has nothing else (it takes 256 bits).
constexpr size_t kSeedBytes = 64;

Result<void> check(const RemoteAccess& remote) {
  const std::string& key = remote.ssh.authorized;
  const bool one_line = !key.empty() && printable(key) == key && key.find('\n') == std::string::npos;
  if (!one_line || key.find(' ') == std::string::npos) {
    return harness_error("usage", "the public key that may log in is not one line of \"type key\"");
  }
  if (!trim(remote.ssh.host_key).starts_with("-----BEGIN ")) {
    return harness_error("usage", "the host key of a boot is no private key in PEM form");
  }
  if (remote.network.mac.empty() || remote.network.address.find('/') == std::string::npos) {
    return harness_error("usage", fmt::format("a network needs a MAC address and an address with a prefix, not '{}'",
                                              remote.network.address));
  }
  return {};
}

}  // namespace

std::string sshd_config(const RemoteAccess& remote) {
  const std::string& address = remote.network.address;
  // No reply for a minute: the controller is gone, and another one may want the agent.
  return fmt::format(
      "Port {}\n"
      "ListenAddress {}\n"
      "HostKey /holdfast/ssh/host_key\n"
      "AuthorizedKeysFile /holdfast/ssh/authorized_keys\n"
      "AuthenticationMethods publickey\n"
      "PasswordAuthentication no\n"
      "KbdInteractiveAuthentication no\n"
      "UsePAM no\n"
      "PermitRootLogin prohibit-password\n"
      "AllowUsers root\n"
      "PermitTTY no\n"
      "PermitUserRC no\n"
      "DisableForwarding yes\n"
      "UseDNS no\n"
      "PrintMotd no\n"
      "PrintLastLog no\n"
      "PidFile none\n"
      "ClientAliveInterval 15\n"
      "ClientAliveCountMax 4\n",
      remote.ssh.port, address.substr(0, address.find('/')));
}

Result<std::string> write_remote_part(const RemoteAccess& remote, const std::filesystem::path& path) {
  TRY(check(remote));
  CpioWriter archive = TRY(CpioWriter::create(path, 0600));
  TRY(archive.folder("holdfast"));
  TRY(archive.file(std::string(wire::kNetworkFile).substr(1), wire::make_event(remote.network).text));
  TRY(archive.file("holdfast/seed", random_hex(kSeedBytes), 0600));
  TRY(archive.folder("holdfast/ssh", 0700));
  TRY(archive.file("holdfast/ssh/sshd_config", sshd_config(remote)));
  TRY(archive.file("holdfast/ssh/host_key", fmt::format("{}\n", trim(remote.ssh.host_key)), 0600));
  TRY(archive.file("holdfast/ssh/authorized_keys", fmt::format("restrict {}\n", remote.ssh.authorized)));
  return archive.finish();
}

}  // namespace holdfast
