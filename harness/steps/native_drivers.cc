// Which drivers must the next kernel not start, so that the devices under test arrive untouched?
//
// Kernel B's native drivers would take a preserved device before anybody could look at the state it arrived in. Where
// they are built in, only their init function can be kept from running
// (Documentation/admin-guide/kernel-parameters.txt, initcall_blacklist). Names of functions that are not there do no
// harm.
#include "harness/steps/native_drivers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "harness/base/text.h"

namespace holdfast {
namespace {

/// By the name that sysfs gives the driver. What virtio-pci has is used by a driver of virtio's own, of which the one
/// for networks matters here: the others carry the agent's link, and virtio-pci itself has to start for that.
/// Source: module_init() and module_pci_driver() of the drivers of Linux 7.3.
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
                                                                      {"virtio-pci", "virtio_net_driver_init"},
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

std::string keep_drivers_off(const std::set<std::string>& natives, const std::vector<std::string>& vital) {
  std::vector<std::string> functions;
  for (const std::string& driver : natives) {
    const auto found = init_functions().find(driver);
    if (found == init_functions().end() || std::ranges::find(vital, driver) != vital.end()) continue;
    functions.emplace_back(found->second);
  }
  return functions.empty() ? std::string() : fmt::format("initcall_blacklist={}", join(functions, ","));
}

}  // namespace holdfast
