// What are the registers of PCI Express's extended capabilities called?
//
// Source: PCI Express Base 6.0 chapters 7.7 to 7.9; the numbers are those of Linux' include/uapi/linux/pci_regs.h.
#include <algorithm>
#include <iterator>

#include "harness/pci/pci_registers.h"

namespace holdfast::pci {
namespace {

constexpr Field kUncorrectable[] = {{0x00000010, "data link protocol error"},
                                    {0x00000020, "surprise down"},
                                    {0x00001000, "poisoned TLP"},
                                    {0x00002000, "flow control protocol error"},
                                    {0x00004000, "completion timeout"},
                                    {0x00008000, "completer abort"},
                                    {0x00010000, "unexpected completion"},
                                    {0x00020000, "receiver overflow"},
                                    {0x00040000, "malformed TLP"},
                                    {0x00080000, "ECRC error"},
                                    {0x00100000, "unsupported request"},
                                    {0x00200000, "ACS violation"},
                                    {0x00400000, "uncorrectable internal"},
                                    {0x00800000, "multicast blocked TLP"},
                                    {0x01000000, "AtomicOp egress blocked"},
                                    {0x02000000, "TLP prefix blocked"},
                                    {0x04000000, "poisoned TLP egress blocked"}};
constexpr Field kCorrectable[] = {{0x0001, "receiver error"},
                                  {0x0040, "bad TLP"},
                                  {0x0080, "bad DLLP"},
                                  {0x0100, "replay number rollover"},
                                  {0x1000, "replay timer timeout"},
                                  {0x2000, "advisory non-fatal"},
                                  {0x4000, "corrected internal"},
                                  {0x8000, "header log overflow"}};
constexpr Field kAerControl[] = {{0x001f, "first error pointer"}, {0x0020, "ECRC generation capable"},
                                 {0x0040, "ECRC generation"},     {0x0080, "ECRC check capable"},
                                 {0x0100, "ECRC check"},          {0x0400, "multiple header recording"}};
constexpr Field kRootCommand[] = {
    {0x1, "correctable error interrupt"}, {0x2, "non-fatal error interrupt"}, {0x4, "fatal error interrupt"}};
constexpr Field kRootErrors[] = {{0x01, "correctable error received"},
                                 {0x02, "multiple correctable"},
                                 {0x04, "uncorrectable received"},
                                 {0x08, "multiple uncorrectable"},
                                 {0x10, "first was fatal"},
                                 {0x20, "non-fatal received"},
                                 {0x40, "fatal received"}};
constexpr RegisterSpec kAer[] = {{0x04, 4, "Uncorrectable Error Status", kUncorrectable},
                                 {0x08, 4, "Uncorrectable Error Mask", kUncorrectable},
                                 {0x0c, 4, "Uncorrectable Error Severity", kUncorrectable},
                                 {0x10, 4, "Correctable Error Status", kCorrectable},
                                 {0x14, 4, "Correctable Error Mask", kCorrectable},
                                 {0x18, 4, "Capabilities and Control", kAerControl},
                                 {0x1c, 4, "Header Log 1"},
                                 {0x20, 4, "Header Log 2"},
                                 {0x24, 4, "Header Log 3"},
                                 {0x28, 4, "Header Log 4"},
                                 {0x2c, 4, "Root Error Command", kRootCommand},
                                 {0x30, 4, "Root Error Status", kRootErrors},
                                 {0x34, 4, "Error Source"},
                                 {0x38, 4, "TLP Prefix Log 1"},
                                 {0x3c, 4, "TLP Prefix Log 2"},
                                 {0x40, 4, "TLP Prefix Log 3"},
                                 {0x44, 4, "TLP Prefix Log 4"}};

constexpr RegisterSpec kVc[] = {{0x04, 4, "Port VC Capability 1"},
                                {0x08, 4, "Port VC Capability 2"},
                                {0x0c, 2, "Port VC Control"},
                                {0x0e, 2, "Port VC Status"},
                                {0x10, 4, "VC0 Resource Capability"},
                                {0x14, 4, "VC0 Resource Control"},
                                {0x18, 2, "Reserved"},
                                {0x1a, 2, "VC0 Resource Status"}};
constexpr RegisterSpec kSerial[] = {{4, 8, "Serial Number"}};
constexpr RegisterSpec kPower[] = {{4, 4, "Data Select"}, {8, 4, "Data"}, {12, 4, "Capability"}};
constexpr RegisterSpec kVsec[] = {{4, 4, "Vendor Header"}};
constexpr RegisterSpec kDvsec[] = {{4, 4, "Vendor Header"}, {8, 2, "Vendor Structure ID"}};

constexpr Field kAcsControl[] = {{0x01, "source validation"},    {0x02, "translation blocking"},
                                 {0x04, "P2P request redirect"}, {0x08, "P2P completion redirect"},
                                 {0x10, "upstream forwarding"},  {0x20, "P2P egress control"},
                                 {0x40, "direct translated P2P"}};
constexpr RegisterSpec kAcs[] = {{4, 2, "Capability", kAcsControl}, {6, 2, "Control", kAcsControl}};
constexpr Field kAriControl[] = {{0x01, "MFVC groups"}, {0x02, "ACS groups"}, {0x70, "function group"}};
constexpr RegisterSpec kAri[] = {{4, 2, "Capability"}, {6, 2, "Control", kAriControl}};
constexpr Field kAtsControl[] = {{0x001f, "smallest translation unit"}, {0x8000, "ATS"}};
constexpr RegisterSpec kAts[] = {{4, 2, "Capability"}, {6, 2, "Control", kAtsControl}};
constexpr Field kSriovControl[] = {{0x01, "VF enable"},
                                   {0x02, "VF migration"},
                                   {0x04, "VF migration interrupt"},
                                   {0x08, "VF memory decoding"},
                                   {0x10, "ARI capable hierarchy"}};
constexpr RegisterSpec kSriov[] = {{0x04, 4, "Capabilities"},  {0x08, 2, "Control", kSriovControl},
                                   {0x0a, 2, "Status"},        {0x0c, 2, "Initial VFs"},
                                   {0x0e, 2, "Total VFs"},     {0x10, 2, "Number of VFs"},
                                   {0x12, 2, "Function Link"}, {0x14, 2, "First VF Offset"},
                                   {0x16, 2, "VF Stride"},     {0x18, 2, "Reserved"},
                                   {0x1a, 2, "VF Device ID"},  {0x1c, 4, "Supported Page Sizes"},
                                   {0x20, 4, "Page Size"},     {0x24, 4, "VF BAR0"},
                                   {0x28, 4, "VF BAR1"},       {0x2c, 4, "VF BAR2"},
                                   {0x30, 4, "VF BAR3"},       {0x34, 4, "VF BAR4"},
                                   {0x38, 4, "VF BAR5"},       {0x3c, 4, "VF Migration State Array"}};
constexpr Field kPriControl[] = {{0x1, "page requests"}, {0x2, "reset"}};
constexpr Field kPriStatus[] = {
    {0x0001, "response failure"}, {0x0002, "unexpected group index"}, {0x0100, "stopped"}, {0x8000, "PASID required"}};
constexpr RegisterSpec kPri[] = {{4, 2, "Control", kPriControl},
                                 {6, 2, "Status", kPriStatus},
                                 {8, 4, "Outstanding Capacity"},
                                 {12, 4, "Outstanding Allocation"}};
constexpr Field kRebarControl[] = {{0x0007, "BAR index"}, {0x00e0, "resizable BARs"}, {0x3f00, "BAR size (log2 MiB)"}};
constexpr RegisterSpec kRebar[] = {{0x04, 4, "Capability 1"}, {0x08, 4, "Control 1", kRebarControl},
                                   {0x0c, 4, "Capability 2"}, {0x10, 4, "Control 2", kRebarControl},
                                   {0x14, 4, "Capability 3"}, {0x18, 4, "Control 3", kRebarControl},
                                   {0x1c, 4, "Capability 4"}, {0x20, 4, "Control 4", kRebarControl},
                                   {0x24, 4, "Capability 5"}, {0x28, 4, "Control 5", kRebarControl},
                                   {0x2c, 4, "Capability 6"}, {0x30, 4, "Control 6", kRebarControl}};
constexpr RegisterSpec kTph[] = {{4, 4, "Capability"}, {8, 4, "Control"}};
constexpr RegisterSpec kLtr[] = {{4, 2, "Max Snoop Latency"}, {6, 2, "Max No-Snoop Latency"}};
constexpr RegisterSpec kSecondary[] = {{4, 4, "Link Control 3"}, {8, 4, "Lane Error Status"}};
constexpr Field kPasidControl[] = {{0x1, "PASID"}, {0x2, "execute permission"}, {0x4, "privileged mode"}};
constexpr RegisterSpec kPasid[] = {{4, 2, "Capability"}, {6, 2, "Control", kPasidControl}};
constexpr Field kDpcControl[] = {{0x0003, "DPC trigger"},        {0x0004, "completion control"},
                                 {0x0008, "DPC interrupt"},      {0x0010, "correctable on DPC"},
                                 {0x0020, "poisoned egress"},    {0x0040, "software trigger"},
                                 {0x0080, "link active message"}};
constexpr Field kDpcStatus[] = {{0x0001, "DPC triggered"},    {0x0006, "trigger reason"},
                                {0x0008, "DPC interrupt"},    {0x0010, "root port busy"},
                                {0x0060, "reason extension"}, {0x1f00, "first error pointer"}};
constexpr RegisterSpec kDpc[] = {{0x04, 2, "Capability"},
                                 {0x06, 2, "Control", kDpcControl},
                                 {0x08, 2, "Status", kDpcStatus},
                                 {0x0a, 2, "Error Source"},
                                 {0x0c, 4, "Root Port PIO Status"},
                                 {0x10, 4, "Root Port PIO Mask"},
                                 {0x14, 4, "Root Port PIO Severity"},
                                 {0x18, 4, "Root Port PIO System Error"},
                                 {0x1c, 4, "Root Port PIO Exception"},
                                 {0x20, 4, "Root Port PIO Header Log 1"},
                                 {0x24, 4, "Root Port PIO Header Log 2"},
                                 {0x28, 4, "Root Port PIO Header Log 3"},
                                 {0x2c, 4, "Root Port PIO Header Log 4"}};
constexpr Field kL1Control[] = {{0x1, "PCI-PM L1.2"},
                                {0x2, "PCI-PM L1.1"},
                                {0x4, "ASPM L1.2"},
                                {0x8, "ASPM L1.1"},
                                {0xff00, "common mode restore time"},
                                {0xe3ff0000, "LTR L1.2 threshold"}};
constexpr RegisterSpec kL1Pm[] = {
    {4, 4, "Capabilities"}, {8, 4, "Control 1", kL1Control}, {12, 4, "Control 2"}, {16, 4, "Status"}};
constexpr Field kPtmControl[] = {{0x1, "PTM"}, {0x2, "root select"}, {0xff00, "granularity"}};
constexpr RegisterSpec kPtm[] = {{4, 4, "Capability"}, {8, 4, "Control", kPtmControl}};
constexpr RegisterSpec kDataLink[] = {{4, 4, "Capabilities"}, {8, 4, "Status"}};
constexpr RegisterSpec kPhysical16[] = {{4, 4, "Capabilities"},
                                        {8, 4, "Control"},
                                        {12, 4, "Status"},
                                        {16, 4, "Local Parity Mismatch Status"},
                                        {20, 4, "First Retimer Parity Mismatch Status"},
                                        {24, 4, "Second Retimer Parity Mismatch Status"}};
constexpr RegisterSpec kPhysical32[] = {{4, 4, "Capabilities"}, {8, 4, "Control"}, {12, 4, "Status"}};
constexpr RegisterSpec kDoe[] = {
    {4, 4, "Capabilities"}, {8, 4, "Control"}, {12, 4, "Status"}, {16, 4, "Write Mailbox"}, {20, 4, "Read Mailbox"}};

constexpr CapabilitySpec kExtendedCapabilities[] = {{0x00, 4, "Null Extended"},
                                                    {0x01, 0x48, "AER", kAer},
                                                    {0x02, 0, "VC", kVc},
                                                    {0x03, 12, "Device Serial Number", kSerial},
                                                    {0x04, 16, "Power Budgeting", kPower},
                                                    {0x05, 0, "Root Complex Link Declaration"},
                                                    {0x06, 12, "Root Complex Internal Link Control"},
                                                    {0x07, 8, "Root Complex Event Collector"},
                                                    {0x08, 0, "MFVC"},
                                                    {0x09, 0, "VC (MFVC)", kVc},
                                                    {0x0a, 0, "Root Complex Register Block"},
                                                    {0x0b, 0, "VSEC", kVsec},
                                                    {0x0d, 8, "ACS", kAcs},
                                                    {0x0e, 8, "ARI", kAri},
                                                    {0x0f, 8, "ATS", kAts},
                                                    {0x10, 0x40, "SR-IOV", kSriov},
                                                    {0x12, 0x30, "Multicast"},
                                                    {0x13, 16, "Page Request", kPri},
                                                    {0x15, 0x34, "Resizable BAR", kRebar},
                                                    {0x16, 0, "Dynamic Power Allocation"},
                                                    {0x17, 0, "TPH", kTph},
                                                    {0x18, 8, "LTR", kLtr},
                                                    {0x19, 0, "Secondary PCI Express", kSecondary},
                                                    {0x1a, 0, "PMUX"},
                                                    {0x1b, 8, "PASID", kPasid},
                                                    {0x1c, 8, "LN Requester"},
                                                    {0x1d, 0, "DPC", kDpc},
                                                    {0x1e, 20, "L1 PM Substates", kL1Pm},
                                                    {0x1f, 12, "PTM", kPtm},
                                                    {0x21, 0, "FRS Queueing"},
                                                    {0x22, 0, "Readiness Time"},
                                                    {0x23, 0, "DVSEC", kDvsec},
                                                    {0x24, 0x34, "VF Resizable BAR", kRebar},
                                                    {0x25, 12, "Data Link Feature", kDataLink},
                                                    {0x26, 0, "Physical Layer 16 GT/s", kPhysical16},
                                                    {0x27, 0, "Lane Margining"},
                                                    {0x29, 16, "NPEM"},
                                                    {0x2a, 0, "Physical Layer 32 GT/s", kPhysical32},
                                                    {0x2e, 24, "DOE", kDoe},
                                                    {0x31, 0, "Physical Layer 64 GT/s"}};

}  // namespace

const CapabilitySpec* find_extended_capability(uint16_t id) {
  const auto* const found = std::ranges::find(kExtendedCapabilities, id, &CapabilitySpec::id);
  return found == std::end(kExtendedCapabilities) ? nullptr : found;
}

}  // namespace holdfast::pci
