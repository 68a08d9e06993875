// Is a host in its own system, and which boot of it is that?
#include "lab/metal/own_system.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "lab/metal/login_patience.h"

namespace holdfast::lab {
namespace {

/// Between two tries to reach a host that is about to come up.
constexpr Millis kPause{1000};

constexpr const char* kWho = "cat /proc/sys/kernel/random/boot_id; uname -r; cat /proc/cmdline";

bool is_final(const Error& error) {
  return error.kind == "host-key" || error.kind == "ssh-auth" || error.kind == "usage" || error.kind == "exec" ||
         error.kind == "stopped";
}

}  // namespace

bool RunningSystem::is_test_kernel() const {
  const auto words = split(cmdline, ' ');
  return std::ranges::any_of(words, [](std::string_view word) { return word.starts_with(kTestWord); });
}

Result<SystemConnection> reach_system(const SshAccess& access, const std::filesystem::path& runtime_dir,
                                      const Deadline& deadline, std::chrono::seconds to_answer) {
  Ssh ssh = TRY(Ssh::open(access, runtime_dir, "own", deadline, to_answer));
  const std::string text = TRY(ssh.ask({"sh", "-c", kWho}, deadline));
  const auto lines = split(text, '\n');
  if (lines.size() < 3 || lines[0].size() != 36) {
    return lab_error("remote", fmt::format("{} does not say which system it runs", access.host.address))
        .with("what it said", printable(text));
  }
  return SystemConnection{
      .ssh = std::move(ssh),
      .system = {
          .boot_id = std::string(lines[0]), .cmdline = std::string(trim(lines[2])), .release = std::string(lines[1])}};
}

Result<SystemConnection> await_own_system(const SshAccess& access, const std::filesystem::path& runtime_dir,
                                          const Deadline& deadline) {
  LoginPatience patience;
  while (true) {
    const Deadline limit = patience.begin(deadline);
    auto reached = reach_system(access, runtime_dir, limit, patience.to_answer());
    if (reached && !reached->system.is_test_kernel()) return reached;
    if (!reached && is_final(reached.error())) return reached;
    if (!reached) patience.failed();
    if (wait_until(deadline.at_most(kPause)) == Wake::kStopped) {
      return wait_error(Wake::kStopped, fmt::format("{}'s own system", access.host.address));
    }
    if (!deadline.expired()) continue;
    if (!reached) return reached;
    return lab_error("not-ready", fmt::format("{} runs a test kernel, not its own system", access.host.address))
        .with("command line", reached->system.cmdline);
  }
}

}  // namespace holdfast::lab
