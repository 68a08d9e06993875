// What must be in a kernel's configuration, and did it get there?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/kernel/kernel_image.h"

namespace holdfast {

/// One line of a fragment: a symbol, what it is to be ("y", "m", "n", a number, a quoted string), and who asks for it.
struct ConfigWish {
  std::string symbol;  ///< "CONFIG_PCI"
  std::string value;   ///< "n" also for "# CONFIG_X is not set"
  std::string origin;  ///< "guest.config:12"
};

/// Reads a fragment. Errors: harness.usage naming file and line when it is neither a wish nor a comment.
Result<std::vector<ConfigWish>> read_fragment(const std::filesystem::path& path);

/// One wish per symbol, in order of first appearance; what was read later wins.
std::vector<ConfigWish> merge(const std::vector<std::vector<ConfigWish>>& fragments);

/// As the text of one fragment for KCONFIG_ALLCONFIG.
std::string to_fragment(const std::vector<ConfigWish>& wishes);

/// Where a tree declares a symbol.
struct KconfigSymbol {
  std::string name;        ///< without CONFIG_
  std::string where;       ///< "drivers/vfio/pci/Kconfig:12"
  std::string depends_on;  ///< of the first declaration, or empty
};

/// Every symbol that the Kconfig files of `tree` declare for x86, ordered by name, one entry each.
Result<std::vector<KconfigSymbol>> kconfig_symbols(const std::filesystem::path& tree);

/// Those of `wishes` whose symbol the tree declares, or that ask for nothing ("n").
std::vector<ConfigWish> known_wishes(const std::vector<ConfigWish>& wishes, const std::vector<KconfigSymbol>& symbols);

/// Errors: harness.usage naming every wish that `config` does not fulfil, who asked for it, and why: no such symbol
/// (and the nearest one), or where it is declared and what it depends on. A symbol that is not there counts as "n".
Result<void> verify_config(const std::vector<ConfigWish>& wishes, const KernelConfig& config,
                           const std::filesystem::path& tree);

}  // namespace holdfast
