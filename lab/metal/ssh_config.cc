// What is OpenSSH told about the way to one host?
#include "lab/metal/ssh_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// For every machine. A connection over which nothing comes for half a minute, though asked three times, is lost: a
/// kernel that was left by kexec closes nothing.
constexpr std::string_view kForAll = R"(Host *
  BatchMode yes
  StrictHostKeyChecking yes
  GlobalKnownHostsFile /dev/null
  CheckHostIP no
  UpdateHostKeys no
  VerifyHostKeyDNS no
  PreferredAuthentications publickey
  ConnectTimeout 10
  ConnectionAttempts 1
  ServerAliveInterval 10
  ServerAliveCountMax 3
  ClearAllForwardings yes
  ExitOnForwardFailure yes
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  ControlPersist no
  LogLevel INFO
)";

/// A word as ssh_config(5) reads it back. Tokens such as %h are expanded in some values.
Result<std::string> word(std::string_view text, std::string_view what) {
  const bool fits = !text.empty() && text.front() != '-' &&
                    std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == '"' || c == '\\'; });
  if (!fits) return usage_error(fmt::format("\"{}\" cannot be {} for ssh", text, what));
  std::string escaped;
  for (const char c : text) escaped += c == '%' ? std::string("%%") : std::string(1, c);
  return fmt::format("\"{}\"", escaped);
}

Result<std::string> machine(const char* alias, const SshEndpoint& endpoint, const fs::path& known_hosts) {
  std::string text =
      fmt::format("Host {}\n  HostName {}\n  Port {}\n  User {}\n  HostKeyAlias {}\n  UserKnownHostsFile {}\n", alias,
                  TRY(word(endpoint.address, "an address")), endpoint.port, TRY(word(endpoint.user, "a user")), alias,
                  TRY(word(known_hosts.string(), "a path")));
  if (!endpoint.key.empty()) {
    text += fmt::format("  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n",
                        TRY(word(endpoint.key.string(), "a path")));
  }
  return text;
}

Result<void> write_private(const fs::path& path, std::string_view text) {
  TRY(write_file(path, text));
  std::error_code failed;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, failed);
  if (failed) return system_error(fmt::format("set the mode of {}", path.string()), failed.value());
  return {};
}

Result<void> write_known(const fs::path& path, const char* alias, const SshEndpoint& endpoint) {
  if (endpoint.host_key.find(' ') == std::string::npos || endpoint.host_key.find('\n') != std::string::npos) {
    return usage_error(fmt::format("the host key of {} is not of the form \"ssh-ed25519 AAAA...\"", endpoint.address));
  }
  return write_private(path, fmt::format("{} {}\n", alias, endpoint.host_key));
}

}  // namespace

Result<std::string> ssh_config(const SshAccess& access, const fs::path& folder) {
  std::string text = TRY(machine(kSshHost, access.host, folder / "known-host"));
  if (access.jump) {
    text += fmt::format("  ProxyJump {}\n", kSshJump);
    text += TRY(machine(kSshJump, *access.jump, folder / "known-jump"));
  }
  text += fmt::format("Host {}\n  ProxyCommand /bin/false\n", kSshSession);
  return text + std::string(kForAll);
}

Result<void> write_ssh_config(const SshAccess& access, const fs::path& folder) {
  TRY(write_private(folder / "config", TRY(ssh_config(access, folder))));
  TRY(write_known(folder / "known-host", kSshHost, access.host));
  if (access.jump) TRY(write_known(folder / "known-jump", kSshJump, *access.jump));
  return {};
}

}  // namespace holdfast::lab
