// How do end-to-end tests get a cluster, and take computers away from it?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/file.h"
#include "harness/base/process.h"

namespace holdfast::e2e {

/// A running cluster of tools/slurm-loopback, to which SLURM_CONF of this process points until it is destroyed. Nothing
/// of it outlives this object, nor the process that has it. To be destroyed by the thread that made it.
class Cluster {
 public:
  /// `licenses` as slurm.conf has them, or empty. Errors: lab.slurm with what the tool said.
  static Result<Cluster> start(const std::string& licenses = {});
  Cluster(Cluster&&) noexcept = default;
  Cluster& operator=(Cluster&&) = delete;
  ~Cluster();

  /// The process on which all hangs.
  pid_t runner() const { return process_.pid(); }
  std::filesystem::path folder() const { return dir_.path() / "c"; }
  /// As a power cut would.
  void kill_node(const std::string& node) const { tell("kill", node); }
  void start_node(const std::string& node) const { tell("start", node); }
  /// What one of Slurm's commands prints; empty when it fails.
  static std::string ask(std::vector<std::string> argv);
  /// The end of the daemons' logs, for a test that failed.
  std::string logs() const;

 private:
  Cluster(TempDir dir, Process process) : dir_(std::move(dir)), process_(std::move(process)) {}
  void tell(const std::string& verb, const std::string& node) const;
  TempDir dir_;
  Process process_;
};

}  // namespace holdfast::e2e
