// What did the PCI devices look like before and after, and what differs that must not?
//
// pci.cc reads and writes snapshots (the only user of libpci), pci_registers.* names the bytes of config space,
// pci_rules.* is the table of what may change and why, pci_match.* finds a function that moved, pci_diff.cc compares.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/wire/verbs_pci.h"

namespace holdfast {

/// Segment, bus, device, function.
struct PciAddress {
  uint32_t domain = 0;
  uint8_t bus = 0;
  uint8_t device = 0;
  uint8_t function = 0;

  /// "0000:03:00.0" or "03:00.0". Errors: harness.usage naming the text.
  static Result<PciAddress> parse(std::string_view text);
  std::string to_string() const;
  auto operator<=>(const PciAddress&) const = default;
};

/// Bus numbers and windows of a bridge, decoded from its header.
struct PciBridge {
  uint8_t primary = 0;
  uint8_t secondary = 0;
  uint8_t subordinate = 0;
  std::string io_window;  ///< "2000-2fff" or "none"
  std::string memory_window;
  std::string prefetchable_window;

  /// From the config space of a function with header type 1; nothing for any other.
  static std::optional<PciBridge> decode(const std::vector<uint8_t>& config);
};

/// One function: what sysfs said and its raw config space.
struct PciFunctionState {
  PciAddress address;
  std::string path;
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t class_code = 0;
  uint8_t revision = 0;
  uint8_t header_type = 0;  ///< with the multi-function bit 0x80
  std::string driver;
  int iommu_group = -1;
  std::vector<wire::PciResource> resources;
  std::optional<PciBridge> bridge;
  std::vector<uint8_t> config;  ///< 64, 256 or 4096 bytes
};
/// All functions of one target at one moment, ordered by address.
class PciSnapshot {
 public:
  /// Errors: harness.wire when the reply contradicts itself.
  static Result<PciSnapshot> from(const wire::PciListReply& reply);
  /// Reads the text of `lspci -D -xxxx` (through libpci's dump method); sysfs facts are then empty. Errors:
  /// harness.pci-text.
  static Result<PciSnapshot> parse(std::string_view lspci_text);
  /// The config space of those functions of this very machine that are in `which` (through libpci's sysfs method); as
  /// with parse(), sysfs facts are empty. `bus` is /sys/bus/pci. Without privilege the kernel gives only 64 bytes.
  /// Errors: lab.io naming the function that could not be read.
  static Result<PciSnapshot> of_this_machine(const std::vector<PciAddress>& which,
                                             const std::filesystem::path& bus = "/sys/bus/pci");

  const std::vector<PciFunctionState>& functions() const& { return functions_; }
  const std::vector<PciFunctionState>& functions() && = delete;  ///< a loop over a temporary's would dangle
  const PciFunctionState* find(const PciAddress& address) const;
  /// "lspci -D -xxxx" text with a leading description line per function: `lspci -F` reads it.
  std::string to_lspci_text() const;

 private:
  std::vector<PciFunctionState> functions_;
};

/// One difference. `register_name` is "Command", "BAR0", "MSI-X: Message Control" with bit names where they help, or a
/// sysfs fact: "address", "presence", "driver", "IOMMU group", "secondary bus", "resource 0".
struct PciChange {
  PciAddress address;  ///< before the kexec; of a function that is new: after it
  std::string register_name;
  std::string before;
  std::string after;
  std::string allowed;  ///< the reason why this may change; empty: it must not
  std::string detail;   ///< the bits, "bus mastering off"; of a forbidden change: the forbidden ones. May be empty
  /// One line: "0000:03:00.0 Command: 0x0407 -> 0x0403 (bus mastering off)".
  std::string describe() const;
};

/// A register that a known device changes by itself, with the reason that the report is to give.
struct PciTolerance {
  std::string register_glob;  ///< of register_name: "PCI Express: Link Status"
  std::string reason;
};

/// What the comparison has to allow for. `reset` names devices that the kernel promises to reset and leave idle; their
/// state registers (bus mastering, memory decoding, MSI enable) may change in that direction, and with no native driver
/// on them afterwards they *must* be idle: bus mastering, MSI or MSI-X left on is a forbidden change even when it is
/// none. Take the second snapshot before user space uses such a device again.
struct PciExpectation {
  std::vector<PciAddress> reset;
  bool ignore_drivers = false;  ///< kernel B may bind native drivers where A had vfio-pci
  std::vector<PciAddress> under_test =
      {};  ///< devices whose IOMMU group must keep its number; those in `reset` are too
  std::vector<PciTolerance> tolerate = {};
};

/// Every difference of `after` from `before`, in order of address and register. A function that is found at another
/// address (same path shape, ids and position behind its port) is one change of "address", one that is gone is
/// "presence".
std::vector<PciChange> compare(const PciSnapshot& before, const PciSnapshot& after, const PciExpectation& expectation);

/// Those that nothing allows.
std::vector<PciChange> forbidden(const std::vector<PciChange>& changes);

/// pci.diff: all changes as text, forbidden ones first, allowed ones with their reason.
std::string format_diff(const std::vector<PciChange>& changes);

}  // namespace holdfast
