// What are the registers of the headers and of the conventional capabilities called?
//
// Source: PCI Local Bus Specification 3.0 chapter 6, PCI-to-PCI Bridge Architecture 1.2 chapter 3, PCI Power Management
// 1.2 chapter 3, PCI Express Base 6.0 chapter 7.5; the numbers are those of Linux' include/uapi/linux/pci_regs.h.
#include "harness/pci/pci_registers.h"

#include <algorithm>
#include <iterator>

namespace holdfast::pci {
namespace {

constexpr Field kCommand[] = {{0x0001, "I/O decoding"},
                              {0x0002, "memory decoding"},
                              {0x0004, "bus mastering"},
                              {0x0008, "special cycles"},
                              {0x0010, "memory write and invalidate"},
                              {0x0020, "VGA palette snooping"},
                              {0x0040, "parity error response"},
                              {0x0080, "address stepping"},
                              {0x0100, "SERR"},
                              {0x0200, "fast back-to-back"},
                              {0x0400, "INTx disable"}};
constexpr Field kStatus[] = {{0x0008, "INTx asserted"},
                             {0x0010, "capability list"},
                             {0x0020, "66 MHz"},
                             {0x0080, "fast back-to-back capable"},
                             {0x0100, "master data parity error"},
                             {0x0600, "DEVSEL timing"},
                             {0x0800, "signaled target abort"},
                             {0x1000, "received target abort"},
                             {0x2000, "received master abort"},
                             {0x4000, "signaled system error"},
                             {0x8000, "detected parity error"}};
constexpr Field kBridgeControl[] = {
    {0x0001, "parity error response"}, {0x0002, "SERR forwarding"},     {0x0004, "ISA mode"},
    {0x0008, "VGA forwarding"},        {0x0010, "VGA 16-bit decoding"}, {0x0020, "master abort mode"},
    {0x0040, "secondary bus reset"},   {0x0080, "fast back-to-back"},   {0x0400, "discard timer expired"}};
constexpr Field kRom[] = {{0x1, "ROM decoding"}, {0xfffff800, "address"}};

constexpr RegisterSpec kType0[] = {{0x00, 2, "Vendor ID"},
                                   {0x02, 2, "Device ID"},
                                   {0x04, 2, "Command", kCommand},
                                   {0x06, 2, "Status", kStatus},
                                   {0x08, 1, "Revision ID"},
                                   {0x09, 3, "Class Code"},
                                   {0x0c, 1, "Cache Line Size"},
                                   {0x0d, 1, "Latency Timer"},
                                   {0x0e, 1, "Header Type"},
                                   {0x0f, 1, "BIST"},
                                   {0x10, 4, "BAR0"},
                                   {0x14, 4, "BAR1"},
                                   {0x18, 4, "BAR2"},
                                   {0x1c, 4, "BAR3"},
                                   {0x20, 4, "BAR4"},
                                   {0x24, 4, "BAR5"},
                                   {0x28, 4, "CardBus CIS Pointer"},
                                   {0x2c, 2, "Subsystem Vendor ID"},
                                   {0x2e, 2, "Subsystem ID"},
                                   {0x30, 4, "Expansion ROM Base Address", kRom},
                                   {0x34, 1, "Capabilities Pointer"},
                                   {0x35, 3, "Reserved 0x35"},
                                   {0x38, 4, "Reserved 0x38"},
                                   {0x3c, 1, "Interrupt Line"},
                                   {0x3d, 1, "Interrupt Pin"},
                                   {0x3e, 1, "Min_Gnt"},
                                   {0x3f, 1, "Max_Lat"}};
constexpr RegisterSpec kType1[] = {{0x00, 2, "Vendor ID"},
                                   {0x02, 2, "Device ID"},
                                   {0x04, 2, "Command", kCommand},
                                   {0x06, 2, "Status", kStatus},
                                   {0x08, 1, "Revision ID"},
                                   {0x09, 3, "Class Code"},
                                   {0x0c, 1, "Cache Line Size"},
                                   {0x0d, 1, "Latency Timer"},
                                   {0x0e, 1, "Header Type"},
                                   {0x0f, 1, "BIST"},
                                   {0x10, 4, "BAR0"},
                                   {0x14, 4, "BAR1"},
                                   {0x18, 1, "Primary Bus Number"},
                                   {0x19, 1, "Secondary Bus Number"},
                                   {0x1a, 1, "Subordinate Bus Number"},
                                   {0x1b, 1, "Secondary Latency Timer"},
                                   {0x1c, 1, "I/O Base"},
                                   {0x1d, 1, "I/O Limit"},
                                   {0x1e, 2, "Secondary Status", kStatus},
                                   {0x20, 2, "Memory Base"},
                                   {0x22, 2, "Memory Limit"},
                                   {0x24, 2, "Prefetchable Memory Base"},
                                   {0x26, 2, "Prefetchable Memory Limit"},
                                   {0x28, 4, "Prefetchable Base Upper 32 Bits"},
                                   {0x2c, 4, "Prefetchable Limit Upper 32 Bits"},
                                   {0x30, 2, "I/O Base Upper 16 Bits"},
                                   {0x32, 2, "I/O Limit Upper 16 Bits"},
                                   {0x34, 1, "Capabilities Pointer"},
                                   {0x35, 3, "Reserved 0x35"},
                                   {0x38, 4, "Expansion ROM Base Address", kRom},
                                   {0x3c, 1, "Interrupt Line"},
                                   {0x3d, 1, "Interrupt Pin"},
                                   {0x3e, 2, "Bridge Control", kBridgeControl}};

constexpr Field kPmControl[] = {{0x0003, "power state D"}, {0x0008, "no soft reset"}, {0x0100, "PME"},
                                {0x1e00, "data select"},   {0x6000, "data scale"},    {0x8000, "PME status"}};
constexpr RegisterSpec kPm[] = {
    {2, 2, "Capabilities"}, {4, 2, "Control/Status", kPmControl}, {6, 1, "Bridge Extensions"}, {7, 1, "Data"}};
constexpr RegisterSpec kVpd[] = {{2, 2, "Address"}, {4, 4, "Data"}};

constexpr Field kMsiControl[] = {{0x0001, "MSI"},
                                 {0x000e, "vectors capable (log2)"},
                                 {0x0070, "vectors enabled (log2)"},
                                 {0x0080, "64-bit"},
                                 {0x0100, "per-vector masking"}};
constexpr RegisterSpec kMsi32[] = {
    {2, 2, "Message Control", kMsiControl}, {4, 4, "Message Address"}, {8, 2, "Message Data"}};
constexpr RegisterSpec kMsi64[] = {{2, 2, "Message Control", kMsiControl},
                                   {4, 4, "Message Address"},
                                   {8, 4, "Message Upper Address"},
                                   {12, 2, "Message Data"}};
constexpr RegisterSpec kMsi32Mask[] = {
    {2, 2, "Message Control", kMsiControl}, {4, 4, "Message Address"}, {8, 2, "Message Data"},
    {10, 2, "Extended Message Data"},       {12, 4, "Mask Bits"},      {16, 4, "Pending Bits"}};
constexpr RegisterSpec kMsi64Mask[] = {{2, 2, "Message Control", kMsiControl},
                                       {4, 4, "Message Address"},
                                       {8, 4, "Message Upper Address"},
                                       {12, 2, "Message Data"},
                                       {14, 2, "Extended Message Data"},
                                       {16, 4, "Mask Bits"},
                                       {20, 4, "Pending Bits"}};
constexpr Field kMsixControl[] = {{0x07ff, "table size"}, {0x4000, "function mask"}, {0x8000, "MSI-X"}};
constexpr RegisterSpec kMsix[] = {
    {2, 2, "Message Control", kMsixControl}, {4, 4, "Table Offset/BIR"}, {8, 4, "PBA Offset/BIR"}};

constexpr RegisterSpec kVendor[] = {{2, 1, "Length"}};
constexpr RegisterSpec kPciX[] = {{2, 2, "Command"}, {4, 4, "Status"}};
constexpr RegisterSpec kSsvid[] = {{2, 2, "Reserved"}, {4, 2, "Subsystem Vendor ID"}, {6, 2, "Subsystem ID"}};
constexpr RegisterSpec kHotPlug[] = {{2, 1, "DWORD Select"}, {3, 1, "Pending"}, {4, 4, "DWORD Data"}};
constexpr RegisterSpec kSata[] = {{2, 2, "Revision"}, {4, 4, "BAR Location"}};
constexpr Field kAfStatus[] = {{0x01, "transactions pending"}};
constexpr RegisterSpec kAf[] = {
    {2, 1, "Length"}, {3, 1, "Capabilities"}, {4, 1, "Control"}, {5, 1, "Status", kAfStatus}};

constexpr Field kDeviceControl[] = {{0x0001, "correctable error reporting"},
                                    {0x0002, "non-fatal error reporting"},
                                    {0x0004, "fatal error reporting"},
                                    {0x0008, "unsupported request reporting"},
                                    {0x0010, "relaxed ordering"},
                                    {0x00e0, "max payload size"},
                                    {0x0100, "extended tags"},
                                    {0x0200, "phantom functions"},
                                    {0x0400, "auxiliary power"},
                                    {0x0800, "no snoop"},
                                    {0x7000, "max read request size"},
                                    {0x8000, "configuration retry or function reset"}};
constexpr Field kDeviceStatus[] = {
    {0x0001, "correctable error"},   {0x0002, "non-fatal error"},          {0x0004, "fatal error"},
    {0x0008, "unsupported request"}, {0x0010, "auxiliary power detected"}, {0x0020, "transactions pending"}};
constexpr Field kLinkControl[] = {{0x0003, "ASPM"},
                                  {0x0008, "read completion boundary"},
                                  {0x0010, "link disable"},
                                  {0x0020, "retrain link"},
                                  {0x0040, "common clock"},
                                  {0x0080, "extended synch"},
                                  {0x0100, "clock power management"},
                                  {0x0200, "hardware autonomous width disable"},
                                  {0x0400, "bandwidth management interrupt"},
                                  {0x0800, "autonomous bandwidth interrupt"}};
constexpr Field kLinkStatus[] = {{0x000f, "link speed"},
                                 {0x03f0, "link width"},
                                 {0x0800, "link training"},
                                 {0x1000, "slot clock"},
                                 {0x2000, "data link layer active"},
                                 {0x4000, "bandwidth management status"},
                                 {0x8000, "autonomous bandwidth status"}};
constexpr Field kSlotControl[] = {{0x0001, "attention button event"},
                                  {0x0002, "power fault event"},
                                  {0x0004, "latch event"},
                                  {0x0008, "presence event"},
                                  {0x0010, "command completed interrupt"},
                                  {0x0020, "hot-plug interrupt"},
                                  {0x00c0, "attention indicator"},
                                  {0x0300, "power indicator"},
                                  {0x0400, "slot power off"},
                                  {0x0800, "electromechanical interlock"},
                                  {0x1000, "data link layer event"}};
constexpr Field kSlotStatus[] = {{0x0001, "attention button pressed"},
                                 {0x0002, "power fault"},
                                 {0x0004, "latch changed"},
                                 {0x0008, "presence changed"},
                                 {0x0010, "command completed"},
                                 {0x0020, "latch open"},
                                 {0x0040, "card present"},
                                 {0x0080, "interlock engaged"},
                                 {0x0100, "data link layer state changed"}};
constexpr Field kRootControl[] = {{0x0001, "system error on correctable"},
                                  {0x0002, "system error on non-fatal"},
                                  {0x0004, "system error on fatal"},
                                  {0x0008, "PME interrupt"},
                                  {0x0010, "retry status visibility"}};
constexpr Field kRootStatus[] = {{0xffff, "PME requester"}, {0x10000, "PME status"}, {0x20000, "PME pending"}};
constexpr Field kDeviceControl2[] = {{0x000f, "completion timeout value"},
                                     {0x0010, "completion timeout disable"},
                                     {0x0020, "ARI forwarding"},
                                     {0x0040, "AtomicOp requests"},
                                     {0x0080, "AtomicOp egress blocking"},
                                     {0x0100, "ID-based ordering of requests"},
                                     {0x0200, "ID-based ordering of completions"},
                                     {0x0400, "latency tolerance reporting"},
                                     {0x1000, "10-bit tags"},
                                     {0x6000, "OBFF"},
                                     {0x8000, "end-end TLP prefix blocking"}};
constexpr Field kLinkControl2[] = {{0x000f, "target link speed"},
                                   {0x0010, "enter compliance"},
                                   {0x0020, "hardware autonomous speed disable"},
                                   {0x0040, "selectable de-emphasis"},
                                   {0x0380, "transmit margin"}};
constexpr Field kLinkStatus2[] = {{0x0001, "current de-emphasis"},
                                  {0x0002, "equalization complete"},
                                  {0x001c, "equalization phases"},
                                  {0x0020, "equalization request"}};
constexpr RegisterSpec kExpress[] = {{0x02, 2, "Capabilities"},
                                     {0x04, 4, "Device Capabilities"},
                                     {0x08, 2, "Device Control", kDeviceControl},
                                     {0x0a, 2, "Device Status", kDeviceStatus},
                                     {0x0c, 4, "Link Capabilities"},
                                     {0x10, 2, "Link Control", kLinkControl},
                                     {0x12, 2, "Link Status", kLinkStatus},
                                     {0x14, 4, "Slot Capabilities"},
                                     {0x18, 2, "Slot Control", kSlotControl},
                                     {0x1a, 2, "Slot Status", kSlotStatus},
                                     {0x1c, 2, "Root Control", kRootControl},
                                     {0x1e, 2, "Root Capabilities"},
                                     {0x20, 4, "Root Status", kRootStatus},
                                     {0x24, 4, "Device Capabilities 2"},
                                     {0x28, 2, "Device Control 2", kDeviceControl2},
                                     {0x2a, 2, "Device Status 2"},
                                     {0x2c, 4, "Link Capabilities 2"},
                                     {0x30, 2, "Link Control 2", kLinkControl2},
                                     {0x32, 2, "Link Status 2", kLinkStatus2},
                                     {0x34, 4, "Slot Capabilities 2"},
                                     {0x38, 2, "Slot Control 2"},
                                     {0x3a, 2, "Slot Status 2"}};

constexpr CapabilitySpec kCapabilities[] = {{0x00, 4, "Null"},
                                            {0x01, 8, "Power Management", kPm},
                                            {0x02, 12, "AGP"},
                                            {0x03, 8, "VPD", kVpd},
                                            {0x04, 4, "Slot Identification"},
                                            {0x05, 24, "MSI"},
                                            {0x06, 4, "CompactPCI Hot Swap"},
                                            {0x07, 8, "PCI-X", kPciX},
                                            {0x08, 0, "HyperTransport"},
                                            {0x09, 0, "Vendor Specific", kVendor},
                                            {0x0a, 4, "Debug Port"},
                                            {0x0b, 4, "CompactPCI Resource Control"},
                                            {0x0c, 8, "Hot-Plug Controller", kHotPlug},
                                            {0x0d, 8, "Subsystem ID", kSsvid},
                                            {0x0e, 12, "AGP 8x"},
                                            {0x0f, 0, "Secure Device"},
                                            {0x10, 0x3c, "PCI Express", kExpress},
                                            {0x11, 12, "MSI-X", kMsix},
                                            {0x12, 8, "SATA", kSata},
                                            {0x13, 6, "Advanced Features", kAf},
                                            {0x14, 0, "Enhanced Allocation"},
                                            {0x15, 0, "Flattening Portal Bridge"}};

}  // namespace

std::span<const RegisterSpec> type0_header() { return kType0; }
std::span<const RegisterSpec> type1_header() { return kType1; }

const CapabilitySpec* find_capability(uint16_t id) {
  const auto* const found = std::ranges::find(kCapabilities, id, &CapabilitySpec::id);
  return found == std::end(kCapabilities) ? nullptr : found;
}

std::span<const RegisterSpec> msi_registers(uint16_t message_control) {
  const bool wide = (message_control & 0x0080) != 0;
  const bool masking = (message_control & 0x0100) != 0;
  if (wide) return masking ? std::span<const RegisterSpec>(kMsi64Mask) : std::span<const RegisterSpec>(kMsi64);
  return masking ? std::span<const RegisterSpec>(kMsi32Mask) : std::span<const RegisterSpec>(kMsi32);
}

}  // namespace holdfast::pci
