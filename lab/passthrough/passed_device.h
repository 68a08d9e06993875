// Which devices of this machine is a guest to have, and where? Plain data, as an inventory declares it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/level.h"
#include "lab/passthrough/local_machine.h"

namespace holdfast::lab {

/// Vendor and device.
struct PciIds {
  uint16_t vendor = 0;
  uint16_t device = 0;
};
/// "8086:10d3", as `lspci -nn` writes it; nothing for another text, and for ids that no device has.
std::optional<PciIds> parse_ids(std::string_view text);

/// A `[[vm.device]]`.
struct PassedDevice {
  std::string passthrough;                          ///< "0000:3b:00.0", or "8086:10d3": the first that can be had
  std::string role = {};                            ///< unique in its target; empty: the address on this machine
  std::vector<std::string> traits = {};             ///< as for any test device
  unsigned port = 0;                                ///< the guest's root port 00:PORT.0, 1 to 31; 0: the next free one
  unsigned function = 0;                            ///< behind it; devices of one port are functions of one card
  std::optional<bool> rombar = {};                  ///< shows the option ROM; nothing: as QEMU does
  std::map<std::string, std::string> options = {};  ///< "x-..." of QEMU's vfio-pci
  uint64_t window_mib = 0;                          ///< room for its memory behind the port; 0: as firmware finds it
  std::string declared_at = {};                     ///< "lab.toml:12:3"
};

/// What a `[[vm]]` says besides its devices.
struct PassthroughVm {
  std::vector<PassedDevice> devices = {};
  bool emulated = true;       ///< the built-in machine's emulated devices are there as well
  unsigned hugepage_mib = 0;  ///< 2 or 1024: the guest's memory is in pages of that size; 0: ordinary ones
  bool force = false;         ///< takes what is in use
};

/// A device with its address here and in the guest.
struct PlacedDevice {
  PassedDevice declared;
  size_t index = 0;  ///< among those declared
  std::string host_bdf;
  std::string guest_bdf;  ///< "0000:0a:00.0"
  unsigned port = 0;
  bool multifunction = false;  ///< function 0 of a card that has others
};

/// Finds each device on this machine, and gives it a place in the guest: firmware numbers the ports' buses in order of
/// their slots, behind those of the emulated devices. Errors: harness.usage for what is written wrongly or twice, or is
/// not there; plan.cannot when all that have the ids are in use, with each one's reason.
Result<std::vector<PlacedDevice>> place_devices(const PassthroughVm& vm, const LocalMachine& machine);

/// As the plan sees them while nobody knows where they are: without addresses.
std::vector<Device> declared_devices(const PassthroughVm& vm);

/// As the plan and the cases see them.
std::vector<Device> test_devices(const std::vector<PlacedDevice>& placed, const LocalMachine& machine);

}  // namespace holdfast::lab
