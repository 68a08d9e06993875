// Which drivers must the next kernel not start, so that the devices under test arrive untouched?
//
// Kernel B's native drivers would take a preserved device before anybody could look at the state it arrived in. Where
// they are built in, only their init function can be kept from running
// (Documentation/admin-guide/kernel-parameters.txt, initcall_blacklist). Names of functions that are not there do no
// harm. Modules are loaded by their aliases where a system of its own runs; kmod reads its part of the command line
// then (modprobe(8)).
#include "harness/steps/native_drivers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "harness/base/text.h"

namespace holdfast {
namespace {

/// A device that was bound before is no native driver's.
constexpr std::string_view kOurs = "vfio-pci";

/// What virtio-pci has is used by a driver of virtio's own, of which the one for networks matters here: the others
/// carry the agent's link, and virtio-pci itself has to start for that. A module's name has no "-".
std::string name_of_own(std::string_view driver) {
  if (driver == "virtio-pci") return "virtio_net";
  std::string name(driver);
  std::ranges::replace(name, '-', '_');
  return name;
}

/// By the name that sysfs gives the driver, with "_" for "-". Source: module_init() and module_pci_driver() of the
/// drivers of Linux 7.3.
const std::map<std::string_view, std::string_view>& init_functions() {
  static const std::map<std::string_view, std::string_view> functions{{"ahci", "ahci_pci_driver_init"},
                                                                      {"bnxt_en", "bnxt_init"},
                                                                      {"e1000e", "e1000_init_module"},
                                                                      {"i40e", "i40e_init_module"},
                                                                      {"iavf", "iavf_init_module"},
                                                                      {"ice", "ice_module_init"},
                                                                      {"igb", "igb_init_module"},
                                                                      {"igc", "igc_init_module"},
                                                                      {"ixgbe", "ixgbe_init_module"},
                                                                      {"ixgbevf", "ixgbevf_init_module"},
                                                                      {"megaraid_sas", "megasas_init"},
                                                                      {"mlx5_core", "mlx5_init"},
                                                                      {"mpt3sas", "_mpt3sas_init"},
                                                                      {"nvme", "nvme_init"},
                                                                      {"r8169", "rtl8169_pci_driver_init"},
                                                                      {"tg3", "tg3_driver_init"},
                                                                      {"virtio_net", "virtio_net_driver_init"},
                                                                      {"xhci_hcd", "xhci_pci_init"}};
  return functions;
}

}  // namespace

void add_native_drivers(const std::vector<Bound>& devices, std::set<std::string>& natives) {
  for (const Bound& bound : devices) {
    for (const wire::DriverBefore& before : bound.drivers_before) {
      if (!before.driver.empty()) natives.insert(before.driver);
    }
  }
}

Result<std::string> keep_drivers_off(const std::set<std::string>& natives, const std::vector<std::string>& vital) {
  std::vector<std::string> functions;
  std::vector<std::string> modules;
  for (const std::string& driver : natives) {
    if (driver == kOurs) continue;
    const std::string name = name_of_own(driver);
    if (std::ranges::any_of(vital, [&](const std::string& needed) { return name_of_own(needed) == name; })) {
      return cannot(fmt::format(
          "the target lives by the driver {} (management network or root file system): a next kernel has to start it, "
          "and it would take the device under test as well",
          name));
    }
    modules.push_back(name);
    const auto found = init_functions().find(name);
    if (found != init_functions().end()) functions.emplace_back(found->second);
  }
  std::vector<std::string> words;
  if (!functions.empty()) words.push_back(fmt::format("initcall_blacklist={}", join(functions, ",")));
  if (!modules.empty()) words.push_back(fmt::format("modprobe.blacklist={}", join(modules, ",")));
  return join(words, " ");
}

}  // namespace holdfast
