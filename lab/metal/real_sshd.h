// How do tests get a host that ssh leads to? A real sshd, as a plain process on loopback.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/host.h"

namespace holdfast::lab {

/// A new key without a passphrase, in `path` and `path`.pub; gives the public half, "ssh-ed25519 AAAA...".
inline Result<std::string> make_test_key(const std::filesystem::path& path) {
  TRY(run({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path.string()}},
          Deadline::after(Millis(60'000))));
  const std::string text = TRY(read_file(path.string() + ".pub"));
  return std::string(trim(text));
}

/// A port of 127.0.0.1 on which nobody listened a moment ago.
inline uint16_t free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return 0;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

/// An sshd with a host key and one authorized key of its own, for the user who runs the test. Ends with this object,
/// and so do its connections. Move-only.
class RealSshd {
 public:
  /// `folder` is new and of this server alone. `more` are further lines of sshd_config(5). `port` 0: any.
  static Result<RealSshd> start(const std::filesystem::path& folder, const std::string& more = "", uint16_t port = 0) {
    TRY(make_dirs(folder));
    // Compiled into sshd, which insists on it when it runs as root; elsewhere its package's service makes it.
    if (::getuid() == 0) ::mkdir("/run/sshd", 0755);
    const std::string host_key = TRY(make_test_key(folder / "host"));
    const std::string user_key = TRY(make_test_key(folder / "user"));
    TRY(write_file(folder / "authorized", user_key + "\n"));
    for (int tries = 0;; ++tries) {
      const uint16_t chosen = port != 0 ? port : free_port();
      TRY(write_file(folder / "config", config(folder, chosen) + more));
      const Fd log = TRY(open_file(folder / "log", O_WRONLY | O_CREAT | O_TRUNC, 0600));
      RealSshd sshd(folder, chosen, host_key,
                    TRY(Process::start({.argv = {"/usr/sbin/sshd", "-D", "-e", "-f", (folder / "config").string()},
                                        .stderr_fd = log.get()})));
      if (sshd.listens()) return sshd;
      if (tries == 5) return lab_error("test", fmt::format("sshd: {}", *read_file(folder / "log")));
    }
  }
  RealSshd(RealSshd&&) noexcept = default;
  RealSshd& operator=(RealSshd&&) = delete;
  ~RealSshd() { kill_all(); }

  SshEndpoint endpoint() const {
    const passwd* user = ::getpwuid(::getuid());
    return {.address = "127.0.0.1",
            .port = port_,
            .user = user != nullptr ? user->pw_name : "root",
            .key = folder_ / "user",
            .host_key = host_key_};
  }
  SshAccess access() const { return {.host = endpoint()}; }
  std::string log() const { return *read_file(folder_ / "log"); }
  uint16_t port() const { return port_; }

  /// To the server and the processes of its connections: SIGSTOP makes a host that does not answer any more.
  void signal_all(int signal) const {
    for (const pid_t pid : family(process_.pid())) ::kill(pid, signal);
  }
  /// Server and connections are gone, without a word.
  void kill_all() {
    if (process_.pid() <= 0 || process_.poll()) return;
    signal_all(SIGKILL);
    process_.stop();
  }

 private:
  RealSshd(std::filesystem::path folder, uint16_t port, std::string host_key, Process process)
      : folder_(std::move(folder)), port_(port), host_key_(std::move(host_key)), process_(std::move(process)) {}

  static std::string config(const std::filesystem::path& folder, uint16_t port) {
    return fmt::format(
        "ListenAddress 127.0.0.1\nPort {0}\nHostKey {1}/host\nAuthorizedKeysFile {1}/authorized\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\nUseDNS no\nPrintMotd no\nLogLevel VERBOSE\n",
        port, folder.string());
  }

  bool listens() {
    const Deadline patience = Deadline::after(Millis(30'000));
    while (!process_.poll() && !patience.expired()) {
      if (log().find("Server listening on") != std::string::npos) return true;
      wait_until(Deadline::after(Millis(10)));
    }
    return false;
  }

  static std::vector<pid_t> family(pid_t pid) {
    std::vector<pid_t> all{pid};
    const auto children = read_file(fmt::format("/proc/{0}/task/{0}/children", pid));
    for (const std::string_view word : split(children ? std::string_view(*children) : std::string_view(), ' ')) {
      const auto child = parse_u64(word);
      if (!child) continue;
      for (const pid_t one : family(static_cast<pid_t>(*child))) all.push_back(one);
    }
    return all;
  }

  std::filesystem::path folder_;
  uint16_t port_;
  std::string host_key_;
  Process process_;
};

}  // namespace holdfast::lab
