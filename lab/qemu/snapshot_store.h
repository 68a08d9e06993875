// Which machines, stopped just before their boot became one of their own, are kept on disk?
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// Folders, each with one kept machine, by the digest of all that it was made of. Any number of processes may use one
/// store at once. It holds as much as `cap_bytes` on disk; what was used least recently goes first. Nothing outlives
/// this computer's boot: files that were not written out when the power failed would be a machine with holes in it.
class SnapshotStore {
 public:
  /// Fills a new, empty folder.
  using Make = std::function<Result<void>(const std::filesystem::path& folder, const Deadline& deadline)>;
  static constexpr uint64_t kCap = uint64_t{2} << 30;

  explicit SnapshotStore(std::filesystem::path root, uint64_t cap_bytes = kCap,
                         const std::filesystem::path& boot_id = "/proc/sys/kernel/random/boot_id");

  /// The folder of `key`, made if it is not there; whoever wants the same one meanwhile waits. What could not be made
  /// is not tried again for some minutes: that error comes back at once. Errors: those of `make`; lab.space when the
  /// disk is nearly full; lab.io, lab.timeout.
  Result<std::filesystem::path> get(const std::string& key, const Make& make, const Deadline& deadline) const;

  /// A folder that turned out to be of no use goes. Best effort.
  void drop(const std::filesystem::path& folder) const;

 private:
  std::filesystem::path folder_of(const std::string& key) const;
  Result<void> make_beside(const std::filesystem::path& folder, const Make& make, const Deadline& deadline) const;
  void prune(const std::filesystem::path& newest) const;

  std::filesystem::path root_;
  uint64_t cap_bytes_;
  std::string boot_;  ///< the first word of every name
};

}  // namespace holdfast::lab
