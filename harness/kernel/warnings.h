// What did the compiler warn of, where, and is it new?
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace holdfast {

/// One warning, of the compiler's or of objtool's.
struct Warning {
  std::string file;   ///< from the top of the tree: "drivers/vfio/pci/vfio_pci.c"
  uint64_t line = 0;  ///< 0: the tool names none
  std::string text;   ///< "unused variable 'x' [-Wunused-variable]"
  bool operator==(const Warning&) const = default;
};

/// "drivers/vfio/pci/vfio_pci.c:12: unused variable 'x' [-Wunused-variable]".
std::string describe(const Warning& warning);

/// Warnings by the object whose making printed them. An object that was compiled without a warning has an empty entry.
using WarningsByObject = std::map<std::string, std::vector<Warning>>;

/// Reads the log of a make that printed each target's output in one piece (--output-sync=target).
WarningsByObject parse_warnings(std::string_view log);

/// Each warning once, ordered by file and line: a header's is told by every file that includes it.
std::vector<Warning> all_warnings(const WarningsByObject& objects);

/// Those of `after` that `before` has not: by file and text, since a line moves when another is put before it. A file
/// that warns of the same twice where it did once before has one new warning.
std::vector<Warning> new_warnings(const std::vector<Warning>& before, const std::vector<Warning>& after);

/// As lines of a file and back. A file that is not there is an empty list. Errors: lab.io.
Result<void> write_warnings(const std::filesystem::path& file, const WarningsByObject& objects);
Result<WarningsByObject> read_warnings(const std::filesystem::path& file);

}  // namespace holdfast
