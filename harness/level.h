// Which promise does a case test, and which devices can it use?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// The road of live update support; each level includes those before it.
enum class Level { kKexec, kLuo, kPreserve, kRetrieve, kRunning };

std::string_view to_string(Level level);
std::optional<Level> level_from(std::string_view text);

/// A test device of a target, as the inventory declares it.
struct Device {
  std::string role;   ///< "e1000e": unique in its target
  std::string bdf;    ///< address in kernel A, "0000:01:00.0"; empty in a plan: the host is still to be asked
  std::string model;  ///< "e1000e", "nvme", "edu"...; free text on metal
  std::vector<std::string> traits;  ///< "msi", "msix", "intx", "reset", "dma-engine", "behind-switch", "behind-bridge",
                                    ///< "native-driver", "sriov", "multifunction", "spare" (plugged in later)...
  std::string topology = {};        ///< the machine that the target is made into for it; empty: its ordinary one
  bool has(std::string_view trait) const;
};

/// A configuration symbol (without CONFIG_) that a level cannot do without, and what it is there for.
struct SymbolNeed {
  std::string symbol;
  std::string purpose;
};

/// What a kernel must have been built with to offer `level`, most basic first.
const std::vector<SymbolNeed>& symbols_for(Level level);

}  // namespace holdfast
