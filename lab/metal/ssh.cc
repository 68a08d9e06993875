// How is a command run, a file sent, a stream opened on a host that ssh leads to?
//
// A master connection (ControlMaster) is started in the foreground, as our child. It makes its socket once it has
// logged in; sessions go through that socket and have no other way.
#include "lab/metal/ssh.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/metal/ssh_config.h"
#include "lab/metal/ssh_errors.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// The exit code that is ssh's own.
constexpr int kSshFailed = 255;
/// Between two looks for the master's socket.
constexpr Millis kLook{20};
/// From the end of a session to that of the master that took it along.
constexpr Millis kEndTogether{1000};
/// How long a master may take for a clean end.
constexpr Millis kGoodbye{2000};
/// ssh binds its socket under the name with 17 more bytes first, of at most 107 (mux.c; unix(7)).
constexpr size_t kLongestSocket = 90;

/// ssh's messages are read, so they are in English.
const std::map<std::string, std::string> kEnvironment{{"LC_ALL", "C"}};

/// "set -e": what fails leaves nothing under the file's own name.
constexpr const char* kReceive = R"(set -e
umask 077
tmp=$1.$$.part
trap 'rm -f "$tmp"' EXIT
cat > "$tmp"
if [ -n "$3" ]; then
  sum=$(sha256sum < "$tmp")
  [ "${sum%% *}" = "$3" ] || { echo "what arrived has the checksum ${sum%% *}" >&2; exit 1; }
fi
chmod "$2" "$tmp"
mv -f "$tmp" "$1"
)";

Result<fs::path> make_folder(const fs::path& runtime_dir, std::string_view boot) {
  std::string name;
  for (const char c : boot.substr(0, 12)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    name += plain ? c : '-';
  }
  fs::path folder = runtime_dir / fmt::format("{}.{}", name, random_hex(4));
  const std::string text = folder.string();
  // ssh hands the path of its configuration on to a jump host's ssh by way of a shell.
  if (text.find_first_of(" \t\n'\"\\$`*?[;&|<>()%") != std::string::npos || text.size() + 2 > kLongestSocket) {
    return usage_error(fmt::format("{} cannot be a folder for ssh's sockets: longer than {} bytes, or not plain",
                                   runtime_dir.string(),
                                   kLongestSocket - 2 - (text.size() - runtime_dir.string().size())));
  }
  if (::mkdir(folder.c_str(), 0700) != 0) return system_error(fmt::format("create folder {}", text), errno);
  return folder;
}

std::string read_or_nothing(const fs::path& path) {
  auto text = read_file(path, size_t{1} << 20);
  return text ? *std::move(text) : std::string();
}

Error missing_program(Error error) {
  if (error.kind != "exec") return error;
  return std::move(error).because("apt-get install openssh-client");
}

}  // namespace

std::string fingerprint_of(const std::string& public_key, const Deadline& deadline) {
  const auto told = holdfast::run({.argv = {"ssh-keygen", "-l", "-E", "sha256", "-f", "-"}, .env = kEnvironment},
                                  deadline, public_key);
  if (!told || !told->status.success()) return {};
  const auto words = split(told->out, ' ');
  return words.size() > 1 ? std::string(words[1]) : std::string();
}

Result<Ssh> Ssh::open(const SshAccess& access, const fs::path& runtime_dir, std::string_view boot,
                      const Deadline& deadline, std::chrono::seconds to_answer) {
  const fs::path folder = TRY(make_folder(runtime_dir, boot));
  auto open_master = [&]() -> Result<Ssh> {
    TRY(write_ssh_config(access, folder));
    const Fd words = TRY(open_file(folder / "words", O_WRONLY | O_CREAT | O_APPEND, 0600));
    auto master =
        Process::start({.argv = {"ssh", "-F", (folder / "config").string(), "-M", "-S", (folder / "m").string(), "-N",
                                 "-T", "-o", fmt::format("ConnectTimeout={}", to_answer.count()), kSshHost},
                        .env = kEnvironment,
                        .stderr_fd = words.get()});
    if (!master) return missing_program(std::move(master).error());
    Ssh ssh(access, folder, *std::move(master));
    TRY(ssh.await_master(deadline));
    return ssh;
  };
  auto opened = open_master();
  std::error_code ignored;
  if (!opened) fs::remove_all(folder, ignored);
  return opened;
}

Result<void> Ssh::await_master(const Deadline& deadline) {
  const auto began = Deadline::Clock::now();
  std::error_code ignored;
  while (!fs::exists(socket(), ignored)) {
    if (master_.poll()) {
      Error error = ssh_error("connect to", access_, read_or_nothing(folder_ / "words"));
      if (error.kind != "host-key") return error;
      const bool jump = access_.jump.has_value() && error.what.find("the jump host") != std::string::npos;
      const SshEndpoint& asked = jump ? *access_.jump : access_.host;
      error.what += fmt::format("; pinned is {}", fingerprint_of(asked.host_key, deadline));
      return error;
    }
    const Wake wake = wait_readable(master_.pidfd(), deadline.at_most(kLook));
    if (wake == Wake::kStopped) return wait_error(wake, fmt::format("ssh to {}", describe(access_)));
    if (wake == Wake::kDeadline && deadline.expired()) {
      return lab_error("ssh-timeout", fmt::format("connect to {}: not within the deadline", describe(access_)))
          .with("ssh", printable(read_or_nothing(folder_ / "words")));
    }
  }
  login_took_ = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  return {};
}

std::vector<std::string> Ssh::session(const std::vector<std::string>& remote_argv) const {
  return {"ssh", "-F",        (folder_ / "config").string(), "-S", socket().string(), "-T", "-x",
          "-a",  kSshSession, shell_quote(remote_argv)};
}

Error Ssh::lost(std::string_view attempted, std::string_view words) const {
  const std::string all = fmt::format("{}{}", read_or_nothing(folder_ / "words"), words);
  Error error = ssh_error(attempted, access_, all);
  if (error.kind != "ssh-lost") {
    error.kind = "ssh-lost";
    error.what = fmt::format("{} {}: the connection ended", attempted, describe(access_));
  }
  return error;
}

Result<Output> Ssh::run(const std::vector<std::string>& argv, const Deadline& deadline, std::string_view feed) {
  const std::string attempted = fmt::format("run {} on", argv.empty() ? "" : argv.front());
  if (!alive()) return lost(attempted, "");
  auto output = holdfast::run({.argv = session(argv), .env = kEnvironment}, deadline, feed);
  if (!output) {
    if (output.error().kind == "timeout" && !alive()) return lost(attempted, "");
    return std::move(output.error()).in(fmt::format("{} {}", attempted, describe(access_)));
  }
  if (output->status.code != kSshFailed) return output;
  if (master_.wait(deadline.at_most(kEndTogether))) return lost(attempted, output->err);
  if (output->err.find("UNKNOWN port 65535") == std::string::npos) return output;  // the program's own exit code
  return lab_error("link", fmt::format("{} {}: it takes no further session", attempted, describe(access_)))
      .with("ssh", printable(output->err));
}

Result<std::string> Ssh::ask(const std::vector<std::string>& argv, const Deadline& deadline, std::string_view feed) {
  auto output = TRY(run(argv, deadline, feed));
  if (output.status.success()) return std::move(output.out);
  const std::string said = printable(trim(last_lines(trim(output.err), 1)));
  return lab_error("remote", fmt::format("{} on {}: {}{}{}", argv.empty() ? "" : argv.front(), describe(access_),
                                         output.status.describe(), said.empty() ? "" : ": ", said))
      .with("command", shell_quote(argv))
      .with("stderr", printable(last_lines(output.err, 40)));
}

Result<void> Ssh::send_file(const SentFile& file, const Deadline& deadline) {
  const std::string attempted = fmt::format("send {} to", file.local.string());
  if (!alive()) return lost(attempted, "");
  const Fd content = TRY(open_file(file.local, O_RDONLY));
  const auto argv =
      session({"sh", "-c", kReceive, "sh", file.remote.string(), fmt::format("{:o}", file.mode), file.sha256});
  auto sent = holdfast::run({.argv = argv, .env = kEnvironment, .stdin_fd = content.get()}, deadline);
  if (!sent) return std::move(sent.error()).in(fmt::format("{} {}", attempted, describe(access_)));
  if (sent->status.success()) return {};
  if (sent->status.code == kSshFailed && master_.wait(deadline.at_most(kEndTogether)))
    return lost(attempted, sent->err);
  return lab_error("remote", fmt::format("{} {} as {}: {}", attempted, describe(access_), file.remote.string(),
                                         printable(trim(last_lines(trim(sent->err), 1)))))
      .with("stderr", printable(last_lines(sent->err, 40)));
}

Result<Ssh::Bridge> Ssh::bridge(const std::vector<std::string>& argv) {
  if (!alive()) return lost("open a stream on", "");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("make a pair of sockets", errno);
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  fs::path errors = folder_ / fmt::format("bridge.{}", random_hex(4));
  const Fd words = TRY(open_file(errors, O_WRONLY | O_CREAT | O_APPEND, 0600));
  Process process = TRY(Process::start({.argv = session(argv),
                                        .env = kEnvironment,
                                        .stdin_fd = theirs.get(),
                                        .stdout_fd = theirs.get(),
                                        .stderr_fd = words.get()}));
  return Bridge{.socket = std::move(ours), .process = std::move(process), .errors = std::move(errors)};
}

bool Ssh::alive() {
  std::error_code ignored;
  return !folder_.empty() && !master_.poll() && fs::exists(socket(), ignored);
}

void Ssh::close() {
  if (folder_.empty()) return;
  if (alive()) {
    // Told to go it says goodbye to the host, whose programs then see the end of their streams at once.
    static_cast<void>(holdfast::run(
        {.argv = {"ssh", "-F", (folder_ / "config").string(), "-S", socket().string(), "-O", "exit", kSshSession},
         .env = kEnvironment},
        Deadline::after(kGoodbye)));
    static_cast<void>(master_.wait(Deadline::after(kGoodbye)));
  }
  master_.stop();
  std::error_code ignored;
  fs::remove_all(std::exchange(folder_, {}), ignored);
}

}  // namespace holdfast::lab
