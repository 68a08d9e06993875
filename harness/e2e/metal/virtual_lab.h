// How do end-to-end tests get a lab host, and break it?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/e2e/eventually.h"

namespace holdfast::e2e {

/// What a lab consists of.
struct LabOptions {
  int hosts = 1;         ///< "metal-1", "metal-2"...
  bool pdu = false;      ///< all hosts but the first are switched by these alone
  bool redfish = false;  ///< likewise
};

/// A running lab of tools/virtual-metal: real ssh, real IPMI, real serial over LAN, on loopback. Taken down when
/// destroyed. Move-only. Not thread-safe, and to be destroyed by the thread that made it.
class VirtualLab {
 public:
  /// Returns when all hosts answer to ssh. The first lab ever builds the disk image, which takes minutes. Errors:
  /// lab.virtual-metal with what the tool said, lab.timeout.
  static Result<VirtualLab> start(const LabOptions& options = {});
  /// The same, but its hosts have only just been switched on.
  static Result<VirtualLab> begin(const LabOptions& options = {});

  VirtualLab(VirtualLab&&) noexcept = default;
  VirtualLab& operator=(VirtualLab&&) = delete;
  ~VirtualLab();

  /// For `holdfast run --lab`.
  std::filesystem::path inventory() const { return folder() / "inventory.toml"; }
  std::filesystem::path folder() const { return dir_.path() / "lab"; }
  std::filesystem::path host_folder(const std::string& host = "metal-1") const { return folder() / host; }
  /// The process that the lab hangs on.
  pid_t runner() const { return process_.pid(); }
  void stop();

  /// Makes something go wrong: fault({"bmc-away", "30"}). The words are those of `tools/virtual-metal ctl`.
  Output fault(std::vector<std::string> words, const std::string& host = "metal-1") const;
  /// The same for one that lasts: it is over when the process is destroyed.
  Process start_fault(std::vector<std::string> words, const std::string& host = "metal-1") const;
  /// Runs a command on the host; without an answer within 5 s of connecting, exit code 255.
  Output ssh(const std::string& command, const std::string& host = "metal-1") const;
  /// Asks the host's BMC: ipmi({"chassis", "power", "status"}).
  Output ipmi(std::vector<std::string> words, const std::string& host = "metal-1") const;
  /// Starts recording the console by serial over LAN into `file`; the session ends with the process.
  Process record(const std::filesystem::path& file, const std::string& host = "metal-1") const;

 private:
  VirtualLab(TempDir dir, Process process) : dir_(std::move(dir)), process_(std::move(process)) {}
  std::vector<std::string> fault_argv(std::vector<std::string> words, const std::string& host) const;
  Error failed(std::string_view what) const;
  std::vector<std::string> ipmi_argv(std::vector<std::string> words, const std::string& host) const;
  TempDir dir_;
  Process process_;
};

}  // namespace holdfast::e2e
