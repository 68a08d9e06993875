// How are levels and device traits spelled, and which level does a kernel's configuration promise?
#include "harness/level.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast {
namespace {
constexpr std::array<std::pair<Level, std::string_view>, 5> kNames{{
    {Level::kKexec, "kexec"},
    {Level::kLuo, "luo"},
    {Level::kPreserve, "preserve"},
    {Level::kRetrieve, "retrieve"},
    {Level::kRunning, "running"},
}};
}  // namespace

std::string_view to_string(Level level) {
  return std::ranges::find(kNames, level, &std::pair<Level, std::string_view>::first)->second;
}

std::optional<Level> level_from(std::string_view text) {
  const auto* found = std::ranges::find(kNames, text, &std::pair<Level, std::string_view>::second);
  if (found == kNames.end()) return std::nullopt;
  return found->first;
}

bool Device::has(std::string_view trait) const { return std::ranges::find(traits, trait) != traits.end(); }

const std::vector<SymbolNeed>& symbols_for(Level level) {
  // Source: Kconfig of Linux 7.3 (kernel/Kconfig.kexec, kernel/liveupdate/Kconfig, drivers/vfio,
  // drivers/iommu/iommufd).
  static const std::vector<SymbolNeed> kexec{{"KEXEC_FILE", "kexec_file_load, the only kexec that carries state over"}};
  static const std::vector<SymbolNeed> luo{{"KEXEC_FILE", "kexec_file_load, the only kexec that carries state over"},
                                           {"KEXEC_HANDOVER", "KHO, which carries memory to the next kernel"},
                                           {"LIVEUPDATE", "the Live Update Orchestrator"}};
  static const std::vector<SymbolNeed> vfio{{"KEXEC_FILE", "kexec_file_load, the only kexec that carries state over"},
                                            {"KEXEC_HANDOVER", "KHO, which carries memory to the next kernel"},
                                            {"LIVEUPDATE", "the Live Update Orchestrator"},
                                            {"IOMMUFD", "/dev/iommu"},
                                            {"VFIO_DEVICE_CDEV", "/dev/vfio/devices"},
                                            {"VFIO_PCI", "the vfio-pci driver"},
                                            {"VFIO_PCI_LIVEUPDATE", "preservation of vfio-pci files"}};
  switch (level) {
    case Level::kKexec:
      return kexec;
    case Level::kLuo:
      return luo;
    default:
      return vfio;
  }
}

}  // namespace holdfast
