// How does a machine whose init the agent is let the controller in?
#include "harness/agent/ssh_service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/random.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>

#include "harness/agent/server.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

/// It has to be called by its absolute path: for each connection it runs itself anew by that.
constexpr const char* kSshd = "/usr/sbin/sshd";
constexpr const char* kConfig = "/holdfast/ssh/sshd_config";
constexpr Millis kFirstPause{1000};
constexpr Millis kLongestPause{30'000};

std::string describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

[[noreturn]] void become_sshd() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::execl(kSshd, kSshd, "-D", "-e", "-f", kConfig, nullptr);  // -e: it complains on the console
  say(fmt::format("{} cannot be run: {}", kSshd, errno_name(errno)));
  ::_exit(127);
}

[[noreturn]] void keep_sshd() {
  ::setsid();
  // What init ignores would stay ignored over an exec, and sshd waits for its children.
  for (const int ignored : {SIGCHLD, SIGPIPE}) ::signal(ignored, SIG_DFL);
  ::close_range(STDERR_FILENO + 1, UINT_MAX, 0);
  Millis pause = kFirstPause;
  while (true) {
    const auto began = Deadline::Clock::now();
    const pid_t child = ::fork();
    if (child == 0) become_sshd();
    int status = 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (Deadline::Clock::now() - began > kLongestPause) pause = kFirstPause;
    say(fmt::format("sshd {}, and is started again in {} s", child > 0 ? describe(status) : "could not be started",
                    pause.count() / 1000));
    wait_until(Deadline::after(pause));
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace

void seed_random(const std::filesystem::path& seed) {
  const auto bytes = read_file(seed, 4096);
  if (!bytes || bytes->empty()) return;
  std::byte probe{};
  const bool started = ::getrandom(&probe, 1, GRND_NONBLOCK) == 1;
  const Fd device(::open("/dev/urandom", O_RDWR | O_CLOEXEC));
  // rand_pool_info: how many bits to credit (two hex digits have eight), how many bytes follow. Source: random(4).
  const std::array<int, 2> head{static_cast<int>(started ? 0 : bytes->size() * 4), static_cast<int>(bytes->size())};
  static_assert(sizeof head == sizeof(rand_pool_info));
  std::string request(reinterpret_cast<const char*>(head.data()), sizeof head);
  request += *bytes;
  if (::ioctl(device.get(), RNDADDENTROPY, request.data()) != 0) {
    say(fmt::format("the seed was not taken: {}", errno_name(errno)));
  }
}

Result<void> start_sshd() {
  // An initramfs may be a tmpfs, whose top anybody may write to; sshd trusts no keys that anybody could have put there.
  ::chmod("/", 0755);
  // Where sshd locks itself up while it does not know who speaks; built into it, and only root may write there.
  ::mkdir("/run/sshd", 0755);
  const pid_t keeper = ::fork();
  if (keeper < 0) return system_error("start a process for sshd", errno);
  if (keeper == 0) keep_sshd();
  return {};
}

}  // namespace holdfast::agent
