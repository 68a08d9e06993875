// Which Debian mirror does this system use?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace holdfast {

/// One place that packages come from, as sources.list(5) has it.
struct AptSource {
  std::string uri;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  std::string signed_by;
};

/// Reads the deb822 format (*.sources): binary, enabled entries only, one for each URI.
std::vector<AptSource> parse_deb822_sources(std::string_view text);
/// Reads the one-line format (sources.list, *.list).
std::vector<AptSource> parse_one_line_sources(std::string_view text);

/// The URI of the Debian archive among `sources`: not that of the security archive, not a third party's. Empty when
/// there is none.
std::string debian_mirror(const std::vector<AptSource>& sources);

/// The mirror that the system's own configuration in `etc_apt` names. Errors: harness.usage when it names none: this
/// is no Debian system.
Result<std::string> system_debian_mirror(const std::filesystem::path& etc_apt = "/etc/apt");

}  // namespace holdfast
