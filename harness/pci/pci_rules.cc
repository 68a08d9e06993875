// Which bits of which register may differ after a kexec, and why?
//
// The table is about kernels that do what they promise: it excuses what a sound kernel does on the way (shutdown of
// drivers, the kexec path's own clearing of bus mastering, enumeration, drivers that probe again) and hardware's own
// status, and nothing else. Each rule has a direction: "may be turned off" excuses no register that was turned on.
#include "harness/pci/pci_rules.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "harness/base/text.h"

namespace holdfast::pci {
namespace {

/// For which functions a rule speaks.
enum class When {
  kAlways,
  kBridge,  ///< ports and bridges, which the kernel's own services drive
  kDriven,  ///< a driver owns the device: on both sides of a plain kexec, or a native one on a device that was handed
            ///< over
  kBoundAfter,  ///< kernel B has bound any driver, a vfio one too
  kNewDriver,   ///< not the same driver as before
  kReset,       ///< the kernel promised to reset it and leave it idle
};
enum class Direction { kAny, kCleared, kSet };

struct Rule {
  std::string_view registers;  ///< glob of register names
  uint64_t mask;
  When when;
  Direction direction;
  std::string_view reason;
};

constexpr uint64_t kAll = ~uint64_t{0};

// Linux 7.3: "kexec path" is pci_device_shutdown() in drivers/pci/pci-driver.c; "enumeration" is pci_setup_device() and
// pci_init_capabilities() in drivers/pci/probe.c.
constexpr Rule kRules[] = {
    // Command
    {"Command", 0x0003, When::kBoundAfter, Direction::kSet, "a driver turns decoding on when it enables the device"},
    {"Command", 0x0003, When::kBridge, Direction::kSet, "a bridge decodes once a driver enables a device behind it"},
    {"Command", 0x0003, When::kReset, Direction::kCleared, "a device that is handed over idle need not decode"},
    {"Command", 0x0004, When::kAlways, Direction::kCleared,
     "the kexec path turns bus mastering off everywhere; only a driver turns it on again"},
    {"Command", 0x0004, When::kDriven, Direction::kAny, "bus mastering is the driver's to turn on"},
    {"Command", 0x0004, When::kBridge, Direction::kAny, "bus mastering of a bridge follows the drivers behind it"},
    {"Command", 0x0010, When::kDriven, Direction::kAny, "memory write and invalidate is the driver's choice"},
    {"Command", 0x0010, When::kReset, Direction::kCleared,
     "memory write and invalidate was the native driver's choice"},
    {"Command", 0x0400, When::kDriven, Direction::kAny, "INTx is off while a driver uses MSI"},
    {"Command", 0x0400, When::kBridge, Direction::kAny, "INTx is off while the port's services use MSI"},
    {"Command", 0x0400, When::kReset, Direction::kAny, "vfio-pci and the reset both touch INTx disable"},
    // The rest of the header
    {"Status", 0xf908, When::kAlways, Direction::kAny,
     "error and interrupt status: written by hardware, cleared by writing 1"},
    {"Secondary Status", 0xf900, When::kAlways, Direction::kAny,
     "error status: written by hardware, cleared by writing 1"},
    {"Cache Line Size", kAll, When::kAlways, Direction::kAny,
     "set by the kernel for memory write and invalidate; no effect on PCI Express"},
    {"Latency Timer", kAll, When::kAlways, Direction::kAny,
     "set by the kernel with bus mastering; no effect on PCI Express"},
    {"Secondary Latency Timer", kAll, When::kAlways, Direction::kAny, "set by the kernel; no effect on PCI Express"},
    {"Interrupt Line", kAll, When::kAlways, Direction::kAny,
     "a note of firmware and kernel to themselves; hardware ignores it"},
    {"Expansion ROM Base Address", 0x1, When::kAlways, Direction::kCleared,
     "ROM decoding is on only while the ROM is read"},
    {"Expansion ROM Base Address", 0x1, When::kDriven, Direction::kSet, "the driver reads the ROM"},
    {"Bridge Control", 0x0002, When::kAlways, Direction::kSet, "enumeration turns SERR forwarding on"},
    {"Bridge Control", 0x0400, When::kAlways, Direction::kAny, "discard timer status: written by hardware"},
    // Power management
    {"Power Management: Control/Status", 0x0003, When::kAlways, Direction::kCleared,
     "enumeration brings every function to D0"},
    {"Power Management: Control/Status", 0x0003, When::kBoundAfter, Direction::kAny,
     "runtime power management follows use"},
    {"Power Management: Control/Status", 0x0100, When::kAlways, Direction::kCleared,
     "enumeration turns wake-up off until somebody asks for it"},
    {"Power Management: Control/Status", 0x0100, When::kBoundAfter, Direction::kSet,
     "runtime power management arms wake-up"},
    {"Power Management: Control/Status", 0x8000, When::kAlways, Direction::kAny,
     "PME status: written by hardware, cleared by writing 1"},
    // Interrupts
    {"MSI: Message Control", 0x0071, When::kAlways, Direction::kCleared,
     "enumeration turns MSI off until a driver asks for it"},
    {"MSI: Message Control", 0x0071, When::kDriven, Direction::kAny, "MSI is the driver's to turn on"},
    {"MSI: Message Control", 0x0071, When::kBridge, Direction::kAny,
     "the port's services allocate their interrupts anew"},
    {"MSI: *Address", kAll, When::kAlways, Direction::kAny,
     "interrupts are allocated anew: written before MSI is turned on"},
    {"MSI: *Data", kAll, When::kAlways, Direction::kAny,
     "interrupts are allocated anew: written before MSI is turned on"},
    {"MSI: Mask Bits", kAll, When::kAlways, Direction::kAny, "interrupts are allocated anew: masked until requested"},
    {"MSI: Pending Bits", kAll, When::kAlways, Direction::kAny, "written by hardware"},
    {"MSI-X: Message Control", 0x8000, When::kAlways, Direction::kCleared,
     "enumeration turns MSI-X off until a driver asks for it"},
    {"MSI-X: Message Control", 0x8000, When::kDriven, Direction::kAny, "MSI-X is the driver's to turn on"},
    {"MSI-X: Message Control", 0x8000, When::kBridge, Direction::kAny,
     "the port's services allocate their interrupts anew"},
    {"MSI-X: Message Control", 0x4000, When::kAlways, Direction::kAny,
     "the kernel masks the function while it sets MSI-X up"},
    // PCI Express
    {"PCI Express: Device Control", 0x000f, When::kAlways, Direction::kSet,
     "the error reporting core of kernel B turns reporting on"},
    {"PCI Express: Device Control", 0x7810, When::kNewDriver, Direction::kAny,
     "read request size, snooping and ordering are the driver's choice"},
    {"PCI Express: Device Status", 0x002f, When::kAlways, Direction::kAny,
     "error status and pending transactions: written by hardware"},
    {"PCI Express: Link Control", 0x0103, When::kAlways, Direction::kAny,
     "link power saving: decided by the kernel's policy and the driver"},
    {"PCI Express: Link Control", 0x0c00, When::kBridge, Direction::kAny,
     "the bandwidth notification service allocates its interrupt anew"},
    {"PCI Express: Link Status", 0xc800, When::kAlways, Direction::kAny,
     "link training and bandwidth notification: written by hardware"},
    {"PCI Express: Slot Control", 0x13ff, When::kBridge, Direction::kAny,
     "the hot-plug service sets its events and indicators anew"},
    {"PCI Express: Slot Status", 0x011f, When::kBridge, Direction::kAny,
     "hot-plug events: written by hardware, cleared by writing 1"},
    {"PCI Express: Root Control", 0x000f, When::kBridge, Direction::kAny,
     "the error and PME services set their interrupts anew"},
    {"PCI Express: Root Control", 0x0010, When::kBridge, Direction::kSet, "enumeration makes retry status visible"},
    {"PCI Express: Root Status", kAll, When::kBridge, Direction::kAny,
     "PME status: written by hardware, cleared by writing 1"},
    {"PCI Express: Device Control 2", 0x0040, When::kDriven, Direction::kAny,
     "AtomicOp requests are the driver's choice"},
    {"PCI Express: Link Status 2", 0x003f, When::kAlways, Direction::kAny,
     "outcome of link training: written by hardware"},
    {"VPD: *", kAll, When::kAlways, Direction::kAny, "the window through which VPD is read"},
    {"Advanced Features: Status", 0x01, When::kAlways, Direction::kAny, "pending transactions: written by hardware"},
    // Error reporting
    {"AER: * Error Status", kAll, When::kAlways, Direction::kAny,
     "error status: written by hardware, cleared by writing 1"},
    {"AER: * Log ?", kAll, When::kAlways, Direction::kAny, "the last error's header: written by hardware"},
    {"AER: Error Source", kAll, When::kAlways, Direction::kAny, "the last error's source: written by hardware"},
    {"AER: Capabilities and Control", 0x001f, When::kAlways, Direction::kAny,
     "first error pointer: written by hardware"},
    {"AER: Root Error Command", 0x7, When::kBridge, Direction::kAny, "the error service sets its interrupts anew"},
    {"DPC: Control", 0x000b, When::kBridge, Direction::kAny, "the containment service arms its port anew"},
    {"DPC: Status", 0x1f7f, When::kBridge, Direction::kAny, "containment status: written by hardware"},
    {"DPC: Error Source", kAll, When::kBridge, Direction::kAny, "the last error's source: written by hardware"},
    {"DPC: Root Port PIO Status", kAll, When::kBridge, Direction::kAny, "error status: written by hardware"},
    {"DPC: Root Port PIO Header Log ?", kAll, When::kBridge, Direction::kAny,
     "the last error's header: written by hardware"},
    {"Secondary PCI Express: Lane Error Status", kAll, When::kAlways, Direction::kAny,
     "error status: written by hardware"},
    {"Physical Layer *Status", kAll, When::kAlways, Direction::kAny, "outcome of link training: written by hardware"},
    {"VC*Status", kAll, When::kAlways, Direction::kAny, "negotiation status: written by hardware"},
    // The IOMMU's registers in the device
    {"ATS: Control", 0x801f, When::kAlways, Direction::kAny,
     "kernel B's IOMMU driver turns address translation on or off as it attaches domains"},
    {"Page Request: Control", 0x3, When::kAlways, Direction::kAny,
     "kernel B's IOMMU driver turns page requests on or off as it attaches domains"},
    {"Page Request: Status", 0x0103, When::kAlways, Direction::kAny, "page request status: written by hardware"},
    {"Page Request: Outstanding Allocation", kAll, When::kAlways, Direction::kAny,
     "written by the IOMMU driver before it enables page requests"},
    {"PASID: Control", 0x7, When::kAlways, Direction::kAny,
     "kernel B's IOMMU driver turns PASID on or off as it attaches domains"},
    {"L1 PM Substates: Control 1", 0x000f, When::kAlways, Direction::kAny,
     "link power saving: decided by the kernel's policy and the driver"},
    // What no standard describes
    {"device specific *", kAll, When::kAlways, Direction::kAny,
     "outside all capabilities: firmware, quirks and drivers use it as they like"},
    {"Vendor Specific*: +*", kAll, When::kDriven, Direction::kAny, "vendor specific: the driver's own"},
    {"Vendor Specific*: +*", kAll, When::kReset, Direction::kAny,
     "vendor specific: the reset may change it and the kernel cannot restore it"},
    {"VSEC*: +*", kAll, When::kDriven, Direction::kAny, "vendor specific: the driver's own"},
    {"VSEC*: +*", kAll, When::kReset, Direction::kAny,
     "vendor specific: the reset may change it and the kernel cannot restore it"},
    {"DVSEC*: +*", kAll, When::kDriven, Direction::kAny, "vendor specific: the driver's own"},
    {"DVSEC*: +*", kAll, When::kReset, Direction::kAny,
     "vendor specific: the reset may change it and the kernel cannot restore it"},
};

bool speaks_for(When when, const Situation& s) {
  switch (when) {
    case When::kAlways:
      return true;
    case When::kBridge:
      return s.bridge;
    case When::kDriven:
      return s.native_after || (!s.reset && (s.bound_before || s.bound_after));
    case When::kBoundAfter:
      return s.bound_after;
    case When::kNewDriver:
      return s.driver_changed;
    case When::kReset:
      return s.reset;
  }
  return false;
}

uint64_t covered_bits(const Rule& rule, uint64_t before, uint64_t after) {
  switch (rule.direction) {
    case Direction::kAny:
      return (before ^ after) & rule.mask;
    case Direction::kCleared:
      return before & ~after & rule.mask;
    case Direction::kSet:
      return ~before & after & rule.mask;
  }
  return 0;
}

}  // namespace

Judgement judge(const Register& reg, uint64_t before, uint64_t after, const Situation& situation) {
  uint64_t open = before ^ after;
  std::vector<std::string> reasons;
  for (const Rule& rule : kRules) {
    const uint64_t covered = covered_bits(rule, before, after) & open;
    if (covered == 0 || !speaks_for(rule.when, situation) || !glob_match(rule.registers, reg.name)) continue;
    open &= ~covered;
    if (std::ranges::find(reasons, rule.reason) == reasons.end()) reasons.emplace_back(rule.reason);
  }
  return {open, join(reasons, "; ")};
}

}  // namespace holdfast::pci
