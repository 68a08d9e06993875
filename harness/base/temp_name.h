// Which process made a temporary folder?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

/// "holdfast-e2e-4711.f0000001-XXXXXX": the prefix, this process and the namespace that its number belongs to, and what
/// mkdtemp(3) fills in.
std::string temp_template(std::string_view prefix);

struct TempOwner {
  pid_t pid = 0;
  bool here = false;  ///< the number means something in this process's namespace
};

/// Reads a name that was made so, with the prefixes of this project alone: "holdfast..." and "hf...".
std::optional<TempOwner> temp_owner(std::string_view name);

}  // namespace holdfast
