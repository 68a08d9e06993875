// Which function after the kexec is the one that stood there before?
#pragma once

#include <vector>

#include "harness/pci/pci.h"

namespace holdfast::pci {

/// One function on both sides.
struct Pair {
  const PciFunctionState* before;
  const PciFunctionState* after;
};

/// All functions of two snapshots, paired as far as they can be. Points into the snapshots.
struct Match {
  std::vector<Pair> pairs;                       ///< ordered by the address before
  std::vector<const PciFunctionState*> gone;     ///< only there before
  std::vector<const PciFunctionState*> arrived;  ///< only there after
};

/// Pairs by the way through the ports with equal ids first, then by ids wherever the function stands now, then by
/// address alone (another device in the same place).
Match match(const PciSnapshot& before, const PciSnapshot& after);

}  // namespace holdfast::pci
