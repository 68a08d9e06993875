// What does somebody get who logs in where the agent is the shell?
#include "harness/agent/login.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>

#include "harness/agent/bridge.h"
#include "harness/wire/network.h"

namespace holdfast::agent {

/// sshd starts a shell so (do_child() in session.c of OpenSSH 9.2), and so does everybody else.
bool is_login(int argc, const char* const* argv) {
  return argc > 0 && (argv[0][0] == '-' || (argc > 1 && argv[1] == std::string_view("-c")));
}

Result<void> log_in(int argc, const char* const* argv) {
  const bool bridges =
      argc == 3 && argv[1] == std::string_view("-c") && argv[2] == std::string_view(wire::kBridgeCommand);
  if (!bridges) {
    return usage_error(fmt::format("nothing but \"{}\" can be done in this place", wire::kBridgeCommand));
  }
  return bridge(wire::kAgentSocket, STDIN_FILENO, STDOUT_FILENO);
}

}  // namespace holdfast::agent
