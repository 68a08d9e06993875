// How are packages of another Debian suite fetched without touching the system's own package lists?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/process.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// A package that the suite has.
struct AptPackage {
  std::string name;     ///< "linux-source-7.3"
  std::string version;  ///< "7.3.4-1~bpo13+1"
  uint64_t size = 0;    ///< of the .deb
  std::string sha256;   ///< of the .deb
};

/// apt with lists, cache, sources and status of its own in one folder, and one Debian suite as its only source, signed
/// by Debian's archive keyring. Needs no root, and takes nothing from the system but proxies and its like.
class PrivateApt {
 public:
  /// Errors: lab.tool when apt is not here, lab.signature when Debian's keyring is not; lab.io.
  static Result<PrivateApt> create(const std::filesystem::path& folder, std::string_view mirror,
                                   std::string_view suite);

  /// Fetches the suite's package lists. Errors: lab.network, lab.signature, lab.disk, lab.apt.
  Result<void> update(const Deadline& deadline) const;
  /// Packages named linux-source-<major>.<minor>, the newest kernel first.
  Result<std::vector<AptPackage>> kernel_sources(const Deadline& deadline) const;
  /// Downloads into `into`, checked against the signed lists; gives the .deb. Errors: as update().
  Result<std::filesystem::path> download(const AptPackage& package, const std::filesystem::path& into,
                                         const Deadline& deadline, const ProgressSink& progress) const;

 private:
  explicit PrivateApt(std::filesystem::path folder, std::string mirror)
      : folder_(std::move(folder)), mirror_(std::move(mirror)) {}
  Command command(std::string_view program, std::vector<std::string> arguments) const;

  std::filesystem::path folder_;
  std::string mirror_;
};

/// What apt's words mean: lab.network, lab.signature, lab.disk, or lab.apt when they are none of these.
Error apt_error(std::string_view attempted, std::string_view mirror, std::string_view said);

/// "linux-source-7.3" gives {7, 3}; anything else {0, 0}.
std::pair<unsigned, unsigned> kernel_series_of(std::string_view package);

/// Reads the stanzas of `apt-cache show`.
std::vector<AptPackage> parse_packages(std::string_view text);

}  // namespace holdfast
