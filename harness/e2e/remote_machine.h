// A machine whose kernel is reached by ssh alone: how do end-to-end tests get one?
//
// QEMU with a payload that describes a network, and no port of the agent's. What is bound is on loopback only.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/payload/payload.h"
#include "harness/target.h"

namespace holdfast::e2e {

/// An ed25519 key pair.
struct Keys {
  std::filesystem::path file;  ///< the private one
  std::string secret;
  std::string line;  ///< the public one, "ssh-ed25519 AAAA..."
};

/// A started machine, and what is needed to get in. Killed when destroyed.
class RemoteMachine {
 public:
  /// What its payload says; to be changed for tests of what is wrong.
  static RemoteAccess access(const Keys& host, const Keys& client);
  static Keys make_keys(const std::filesystem::path& folder, const std::string& name);

  /// Boots the reference kernel with the payload of `access`, which also carries that kernel, and a payload without
  /// what is a boot's own.
  static Result<std::unique_ptr<RemoteMachine>> start(const std::filesystem::path& folder, const RemoteAccess& access);

  /// ssh with `command`, run to its end. `client` logs in, `host` is the one that must answer.
  Output ssh(const Keys& client, const Keys& host, std::vector<std::string> command) const;
  /// The agent at the other end of the bridge; tries until it answers. The connection ends with the next one.
  Result<std::unique_ptr<Agent>> connect(const Keys& client, const Keys& host, const Deadline& deadline);
  std::string console() const;
  /// Waits until the console has said `text`.
  bool console_says(const std::string& text, const Deadline& deadline) const;

  const std::string& kernel_sha256() const { return kernel_sha256_; }
  const std::string& shared_sha256() const { return shared_sha256_; }
  static constexpr const char* kCmdline = "console=ttyS0 loglevel=5 panic=-1 retain_initrd no_timer_check kho=on";

 private:
  RemoteMachine(std::filesystem::path folder, std::string kernel_sha256, std::string shared_sha256)
      : folder_(std::move(folder)),
        kernel_sha256_(std::move(kernel_sha256)),
        shared_sha256_(std::move(shared_sha256)) {}
  Result<void> power_on(const std::filesystem::path& kernel, const std::filesystem::path& payload);
  std::vector<std::string> ssh_argv(const Keys& client, const Keys& host, std::vector<std::string> command) const;

  std::filesystem::path folder_;
  std::string kernel_sha256_;
  std::string shared_sha256_;
  uint16_t port_ = 0;
  std::optional<Process> qemu_;
  std::optional<Process> bridge_;
};

}  // namespace holdfast::e2e
