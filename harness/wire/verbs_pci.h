// What can the agent be asked about PCI devices and their drivers?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

/// One line of /sys/bus/pci/devices/<BDF>/resource.
struct PciResource {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t flags = 0;
};

/// A function as sysfs shows it. Its config space stands in the reply's blob.
struct PciFunction {
  std::string bdf;   ///< "0000:03:00.0"
  std::string path;  ///< "0000:00:04.0/0000:03:00.0": the ports above it, from the root
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t class_code = 0;  ///< 24 bits: class, subclass, interface
  std::string driver;       ///< empty when none
  int iommu_group = -1;     ///< -1: none
  std::vector<std::string> reset_methods;
  std::vector<PciResource> resources;
  uint32_t config_size = 0;  ///< bytes of config space that could be read: 64, 256 or 4096
};

/// All functions, ordered by BDF; `blob` is their config space, one after the other.
struct PciListReply {
  std::vector<PciFunction> functions;
  Bytes blob;
};
struct PciList {
  static constexpr std::string_view kVerb = "pci_list";
  using Reply = PciListReply;
};

/// What a function's driver was before it was changed: the token that undoes it.
struct DriverBefore {
  std::string bdf;
  std::string driver;     ///< empty: none
  std::string override_;  ///< driver_override, empty: none
};

/// Binds every endpoint of the function's IOMMU group to vfio-pci (bridges in the group keep their driver). Refused
/// with EBUSY after `wait_ms` when the kernel blocks. On a refusal everything is as it was before.
struct VfioBindReply {
  std::vector<DriverBefore> before;
};
struct VfioBind {
  static constexpr std::string_view kVerb = "vfio_bind";
  using Reply = VfioBindReply;
  std::string bdf;
  uint64_t wait_ms = 20'000;  ///< native drivers take their time: an NVMe one waits for its controller to shut down
};

/// Undoes VfioBind: native drivers and overrides as they were. Refused with EBUSY after `wait_ms` when the kernel
/// blocks (a preserved or open device).
struct DriverRestore {
  static constexpr std::string_view kVerb = "driver_restore";
  using Reply = Empty;
  std::vector<DriverBefore> before;
  uint64_t wait_ms = 3000;
};

}  // namespace holdfast::wire
