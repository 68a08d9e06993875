// How does somebody come between QEMU and the program that started it?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::faults {

/// Becomes QEMU (`argv[0]` and its arguments as holdfast gave them), with a child between its console and its agent's
/// port and those who use them, which obeys orders at relay.sock in `folder`; of several QEMUs the last one started
/// has the socket. Returns only when it fails: the exit code.
int become_qemu(std::vector<std::string> argv, const std::filesystem::path& folder);

inline constexpr const char* kObeyed = "obeyed";

/// Orders: "cut" (the agent's port), "half" (the next bytes of the agent come by half, then cut), "silence" and "flood"
/// (the console), "kill-agent", "stop-agent". False when nobody listens. When the agent has stopped, there is the file
/// kObeyed in `folder`.
bool order(const std::filesystem::path& folder, std::string_view what);

}  // namespace holdfast::faults
