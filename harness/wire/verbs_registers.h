// What can the agent be asked about registers of a device that vfio's plain reads and writes do not cover?
#pragma once

#include "harness/wire/verbs_vfio.h"

namespace holdfast::wire {

/// Writes to config space through sysfs, whoever has the device, in one call.
struct PciConfigWrite {
  static constexpr std::string_view kVerb = "pci_config_write";
  using Reply = Empty;
  std::string bdf;
  uint64_t offset = 0;
  Bytes blob;
};

/// Reads a memory BAR of a device that has no driver, in accesses of four bytes. The function is enabled for that and
/// disabled again; nothing resets it, as opening it through vfio does. Refused with EBUSY when a driver has it.
struct PciBarRead {
  static constexpr std::string_view kVerb = "pci_bar_read";
  using Reply = BytesReply;
  std::string bdf;
  uint32_t bar = 0;
  uint64_t offset = 0;  ///< a multiple of 4, and so is `length`
  uint32_t length = 4;
};

/// Reads a register of four bytes again and again until the bits of `mask` are those of `value`.
struct VfioAwaitReply {
  bool reached = false;  ///< false: not within wait_ms
  uint32_t last = 0;     ///< what was read last
};
struct VfioAwait {
  static constexpr std::string_view kVerb = "vfio_await";
  using Reply = VfioAwaitReply;
  Handle device = 0;
  uint32_t region = 0;
  uint64_t offset = 0;
  uint32_t mask = 0;
  uint32_t value = 0;
  uint64_t wait_ms = 1000;
};

/// Keeps a device at work from a thread of the agent: the same registers are written again and again until the kernel
/// refuses, as it does once the device is frozen. Then, and only then, the thread fills the first `wipe` bytes of a
/// memfd with zeros: what is found there later was written later. Both files stay open until that has happened.
struct RegisterValue {
  uint64_t offset = 0;
  uint32_t value = 0;
};
struct VfioKeepBusy {
  static constexpr std::string_view kVerb = "vfio_keep_busy";
  using Reply = Empty;
  Handle device = 0;
  uint32_t region = 0;
  std::vector<RegisterValue> writes;
  Handle memfd = 0;
  uint64_t wipe = 0;
};

}  // namespace holdfast::wire
