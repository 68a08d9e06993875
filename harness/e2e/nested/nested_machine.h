// How do end-to-end tests get a computer with spare PCIe devices, and holdfast on it?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/file.h"
#include "harness/base/process.h"

namespace holdfast::e2e {

/// A running machine of tools/nested-machine: a guest of QEMU with an IOMMU, whose own QEMU has guests in turn. Taken
/// down when destroyed. Move-only. Not thread-safe, and to be destroyed by the thread that made it.
class NestedMachine {
 public:
  /// Returns when it answers to ssh. Errors: lab.nested-machine with what the tool said.
  static Result<NestedMachine> start();
  NestedMachine(NestedMachine&&) noexcept = default;
  NestedMachine& operator=(NestedMachine&&) = delete;
  ~NestedMachine();

  /// Runs a shell's words there.
  Output ssh(const std::string& command, Millis limit = Millis(120'000)) const;
  /// Puts a file there.
  Result<void> put(const std::string& text, const std::string& file) const;
  /// Brings a folder out, all that is in it, into `into`.
  Result<void> bring(const std::string& folder, const std::filesystem::path& into) const;
  /// The last path component of a device's driver link there; empty without one.
  std::string driver_of(const std::string& bdf) const;

 private:
  NestedMachine(TempDir dir, Process process) : dir_(std::move(dir)), process_(std::move(process)) {}
  std::filesystem::path folder() const { return dir_.path() / "machine"; }
  Result<Output> run_there(const std::string& command, Command command_here, Millis limit) const;
  TempDir dir_;
  Process process_;
};

}  // namespace holdfast::e2e
