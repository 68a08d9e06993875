// Which PCI devices does the harness's own machine have, and which of them can be given to a guest?
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/device_use.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// One PCI function as sysfs shows it. Empty and -1: it does not say.
struct LocalDevice {
  std::string bdf;
  std::vector<std::string> ports;  ///< the functions above it, from the root on
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t class_code = 0;
  std::string vendor_name;
  std::string device_name;
  std::string class_name;
  std::string driver;
  std::string driver_override;
  int iommu_group = -1;
  std::vector<std::string> group_members;  ///< the others
  std::vector<std::string> reset_methods;  ///< in the order in which the kernel tries them
  unsigned total_vfs = 0;
  unsigned num_vfs = 0;
  std::string physical_function;               ///< of a virtual one
  std::vector<std::string> virtual_functions;  ///< of a physical one
  int numa_node = -1;
  bool boot_display = false;       ///< the screen that the firmware wrote to
  bool bridge = false;             ///< of PCI to PCI: base class 06h, subclass 04h
  std::optional<bool> has_acs;     ///< Access Control Services; nothing without the right to read the config space
  std::vector<std::string> fixed;  ///< memory that firmware keeps mapped for its group, "0x7b800000-0x7bffffff"
};

/// All functions and what is needed to judge them.
struct LocalMachine {
  enum class Iommu {
    kOn,
    kOff,      ///< the kernel has none on, though the firmware describes one
    kMissing,  ///< the firmware describes none
  };
  std::vector<LocalDevice> devices;  ///< ordered by address
  std::vector<DeviceUse> uses;
  std::map<std::string, std::vector<FileHolder>> vfio_holders;  ///< by address: who has it open through vfio
  Iommu iommu = Iommu::kOn;
  std::string cpu_vendor;  ///< "GenuineIntel"

  const LocalDevice* find(std::string_view bdf) const;
};

/// Reads sysfs and proc below `root`, changes nothing. Errors: lab.io when this machine has no PCI, or its mounts
/// cannot be read.
Result<LocalMachine> look_at_machine(const std::filesystem::path& root = "/");

/// The endpoints that are taken together with `device`, itself among them: those of its IOMMU group. Bridges and host
/// bridges stay where they are, as do those of the chipset that have no driver.
std::vector<std::string> taken_with(const LocalMachine& machine, const LocalDevice& device);

/// Why a function cannot be given to a guest.
struct Obstacle {
  enum class Kind { kNoIommu, kBridge, kSystemDisk, kInUse, kOpen, kFirmware };
  Kind kind = Kind::kInUse;
  std::string bdf;   ///< whose: the device's own, or that of a member of its group
  std::string what;  ///< one sentence that names the file, mount, interface or process
  std::string mend;  ///< what to do; may be empty
  /// What is merely in use can be taken by force; what would end the machine, or cannot work, cannot.
  bool yields_to_force() const { return kind == Kind::kInUse; }
};

struct Verdict {
  std::vector<Obstacle> obstacles;
  std::vector<std::string> notes;  ///< what to know of it all the same: what goes with it, quirks
  bool ok(bool force = false) const;
  /// All in one line: "yes", or the first obstacle and how many more there are.
  std::string summary() const;
};

/// Pure: judges by what look_at_machine() found.
Verdict can_pass(const LocalMachine& machine, const LocalDevice& device);

}  // namespace holdfast::lab
