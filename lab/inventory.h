// What does a lab's inventory say?
//
//   [[allow]]                                             a known warning: it is reported, and fails no case
//   kind = "warn"                                         optional
//   title = "WARNING: drivers/foo.c:12 at foo_bar*"       glob over the kernel's line, or a part of it
//   reason = "known, https://..."
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/crash/allowance.h"

namespace holdfast::lab {

struct Inventory {
  std::vector<Allowance> allowances;
};

/// Reads TOML, strictly: a key or value that is not meant here is an error (harness.usage) that says where it stands,
/// as file:line:column, and which known key is nearest. `name` is what the text is called in errors.
Result<Inventory> parse_inventory(std::string_view text, const std::string& name);

/// The same from a file. Without one (an empty path) the inventory is empty.
Result<Inventory> read_inventory(const std::filesystem::path& file);

}  // namespace holdfast::lab
