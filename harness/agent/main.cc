// holdfast-agent: the program on the target. Init of a target, or a daemon on a host.
#include <fmt/format.h>
#include <unistd.h>

#include <string_view>

#include "harness/agent/bridge.h"
#include "harness/agent/daemon.h"
#include "harness/agent/init.h"
#include "harness/agent/login.h"
#include "harness/base/digest.h"
#include "harness/wire/frame.h"

namespace {

constexpr int kExitUsage = 2;

constexpr const char* kHelp =
    R"(holdfast-agent: what holdfast runs on a target.

  holdfast-agent --listen SOCKET [--files DIR] [--detach]
      Serves controllers on a unix socket that only its owner may use, one after the other, until SIGTERM; then restores
      the drivers that it changed. DIR has files that need not be sent, named by their SHA-256. With --detach it goes
      on by itself once it listens.
  holdfast-agent --bridge SOCKET
      Connects standard input and output to the agent that listens there, until either end hangs up.
  holdfast-agent --version | --help

As process 1 it is the init of a target: it serves the virtio port "holdfast.agent", or else /dev/ttyS1; with a payload
that describes a network it starts an sshd there, and is the shell of those that log in: they get --bridge, no more.
)";

int version() {
  const auto build = holdfast::sha256_file("/proc/self/exe");
  fmt::print("holdfast-agent, protocol {}, build {}\n", holdfast::wire::kProtocolVersion,
             build ? std::string_view(*build) : "unknown");
  return 0;
}

int complain(std::string_view what) {
  fmt::print(stderr, "holdfast-agent: {}\n", what);
  return kExitUsage;
}

/// The exit code for how the agent's work as a host's program ended.
int exit_code(const holdfast::Result<void>& ended) {
  if (ended) return 0;
  complain(ended.error().what);
  return ended.error().kind == "usage" ? kExitUsage : 1;
}

int bridge(int argc, char** argv) {
  if (argc != 3) return complain("--bridge takes one SOCKET and no other option; see --help");
  return exit_code(holdfast::agent::bridge(argv[2], STDIN_FILENO, STDOUT_FILENO));
}

int listen(int argc, char** argv) {
  holdfast::agent::DaemonOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--detach") {
      options.detach = true;
    } else if (word == "--listen" && i + 1 < argc) {
      options.socket = argv[++i];
    } else if (word == "--files" && i + 1 < argc) {
      options.files = argv[++i];
    } else {
      return complain(fmt::format("unknown or incomplete option {}; see --help", word));
    }
  }
  if (options.socket.empty()) return complain("--listen SOCKET is missing; see --help");
  return exit_code(holdfast::agent::run_as_daemon(options));
}

}  // namespace

int main(int argc, char** argv) {
  if (::getpid() == 1) holdfast::agent::run_as_init();
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--help") {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (first == "--version") return version();
  try {
    if (holdfast::agent::is_login(argc, argv)) return exit_code(holdfast::agent::log_in(argc, argv));
    return first == "--bridge" ? bridge(argc, argv) : listen(argc, argv);
  } catch (const std::exception& failed) {
    return complain(failed.what());
  }
}
