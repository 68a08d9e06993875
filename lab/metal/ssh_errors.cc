// Why could ssh not do it, and who must act?
#include "lab/metal/ssh_errors.h"

#include <fmt/format.h>

#include <array>

#include "harness/base/text.h"
#include "lab/metal/ssh_config.h"

namespace holdfast::lab {
namespace {

struct Meaning {
  std::string_view words;
  std::string_view kind;
  std::string_view what;
  std::string_view hint = "";
};

constexpr std::string_view kWrongKey = "it shows another host key than the pinned one";
constexpr std::string_view kWrongKeyHint =
    "nothing was sent to it; find out which machine answers there before you change host_key in the inventory";
constexpr std::string_view kNotLetIn = "our key is not let in";
constexpr std::string_view kNotLetInHint = "put the public half of `key` into the user's authorized_keys there";

/// In this order: of what a jump host and the host behind it say, the first decides.
/// Source: the messages of OpenSSH 9.2, sshconnect.c, sshconnect2.c, packet.c, clientloop.c and misc.c.
constexpr std::array<Meaning, 20> kMeanings{{
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", "host-key", kWrongKey, kWrongKeyHint},
    {"Host key verification failed", "host-key", kWrongKey, kWrongKeyHint},
    {"no matching host key type found", "host-key", kWrongKey, kWrongKeyHint},
    {"Permission denied (", "ssh-auth", kNotLetIn, kNotLetInHint},
    {"Too many authentication failures", "ssh-auth", kNotLetIn, kNotLetInHint},
    {"Could not resolve hostname", "ssh-name", "its address cannot be resolved"},
    {"Connection refused", "ssh-refused", "nobody listens there"},
    {"Timeout, server", "ssh-lost", "it stopped answering"},
    {"timed out", "ssh-timeout", "nobody answers"},
    {"No route to host", "ssh-timeout", "there is no way to it"},
    {"Network is unreachable", "ssh-timeout", "there is no way to its network"},
    {"Host is down", "ssh-timeout", "it is down"},
    {"Connection closed by", "ssh-lost", "it closed the connection"},
    {"Connection to", "ssh-lost", "the connection was closed"},
    {"Connection reset", "ssh-lost", "it reset the connection"},
    {"Connection aborted", "ssh-lost", "the connection was aborted"},
    {"kex_exchange_identification", "ssh-lost", "it hung up before it said who it is"},
    {"Broken pipe", "ssh-lost", "the connection broke"},
    {"Could not load host key", "ssh-lost", "it has no host key"},
    {"Bad configuration option", "link", "this ssh does not know an option", "OpenSSH 8.4 or newer is needed"},
}};

/// Which of the two machines ssh complains about.
bool about_the_jump(const SshAccess& access, std::string_view words) {
  if (!access.jump) return false;
  const std::string connecting = fmt::format("connect to host {} port {}", access.jump->address, access.jump->port);
  const std::string denied = fmt::format("{}@{}: Permission denied", access.jump->user, access.jump->address);
  if (words.find("open failed: connect failed") != std::string_view::npos) return false;  // the jump host said it
  const bool same = access.jump->user == access.host.user && access.jump->address == access.host.address;
  return words.find(kSshJump) != std::string_view::npos || words.find(connecting) != std::string_view::npos ||
         (!same && words.find(denied) != std::string_view::npos);
}

std::string describe(const SshEndpoint& endpoint) {
  return fmt::format("{}@{} port {}", endpoint.user, endpoint.address, endpoint.port);
}

}  // namespace

std::string describe(const SshAccess& access) {
  if (!access.jump) return describe(access.host);
  return fmt::format("{} through {}", describe(access.host), describe(*access.jump));
}

std::string shown_fingerprint(std::string_view words) {
  // "The fingerprint for the ED25519 key sent by the remote host is\nSHA256:...."
  const size_t told = words.find("key sent by the remote host is");
  if (told == std::string_view::npos) return {};
  const size_t at = words.find("SHA256:", told);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = words.substr(at);
  std::string_view fingerprint = rest.substr(0, rest.find_first_of(" \r\n"));
  if (fingerprint.ends_with('.')) fingerprint.remove_suffix(1);
  return std::string(fingerprint);
}

Error ssh_error(std::string_view attempted, const SshAccess& access, std::string_view words) {
  const bool jump = about_the_jump(access, words);
  const std::string machine =
      access.jump && jump ? fmt::format("the jump host, {}", describe(*access.jump)) : describe(access);
  const Meaning* meant = nullptr;
  for (const Meaning& meaning : kMeanings) {
    if (meant == nullptr && words.find(meaning.words) != std::string_view::npos) meant = &meaning;
  }
  Error error = meant != nullptr
                    ? lab_error(std::string(meant->kind), fmt::format("{} {}: {}", attempted, machine, meant->what))
                          .because(std::string(meant->hint))
                    : lab_error("link", fmt::format("{} {}: {}", attempted, machine, trim(last_lines(trim(words), 1))));
  const std::string shown = error.kind == "host-key" ? shown_fingerprint(words) : "";
  if (!shown.empty()) error.what += fmt::format(" ({})", shown);
  return std::move(error).with("ssh", printable(last_lines(words, 40)));
}

}  // namespace holdfast::lab
