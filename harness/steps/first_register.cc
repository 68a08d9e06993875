// Which register of any device can be read through its file, and how?
#include "harness/steps/first_register.h"

#include <algorithm>

#include "harness/pci/pci_registers.h"

namespace holdfast {
namespace {

// Source: include/uapi/linux/vfio.h of Linux 7.3.
constexpr uint32_t kConfigRegion = 7;
constexpr uint32_t kBars = 6;
constexpr uint32_t kRegionRead = 1U << 0;

// Source: PCI Local Bus Specification 3.0, 6.2.2, 6.2.5 and 6.8.2.
constexpr uint64_t kCommand = 0x04;
constexpr std::byte kCommandMemory{0x02};
constexpr size_t kFirstBar = 0x10;
constexpr uint8_t kBarIsIo = 0x01;
constexpr uint16_t kMsixId = 0x11;
constexpr size_t kMsixTable = 4;  ///< in its capability: offset of the table, and in the low three bits the BAR
constexpr uint8_t kMsixBarMask = 0x07;

/// The BAR that begins with the MSI-X table.
std::optional<uint32_t> bar_of_table(const std::vector<uint8_t>& config) {
  for (const pci::Capability& one : pci::capabilities(config)) {
    const size_t at = one.at + kMsixTable;
    if (one.extended || one.id != kMsixId || at + 4 > config.size()) continue;
    const bool at_start =
        (config[at] & ~kMsixBarMask) == 0 && config[at + 1] == 0 && config[at + 2] == 0 && config[at + 3] == 0;
    if (at_start) return config[at] & kMsixBarMask;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint32_t> register_bar(const std::vector<uint8_t>& config, const wire::VfioInfoReply& info) {
  constexpr uint64_t kRegister = 4;
  const auto table = bar_of_table(config);
  for (uint32_t bar = 0; bar < kBars; ++bar) {
    const size_t at = kFirstBar + 4 * bar;
    if (at + 4 > config.size() || (config[at] & kBarIsIo) != 0 || table == bar) continue;
    const auto region = std::ranges::find(info.regions, bar, &wire::VfioRegion::index);
    if (region == info.regions.end() || region->size < kRegister || (region->flags & kRegionRead) == 0) continue;
    return bar;
  }
  return std::nullopt;
}

Result<void> read_first_register(Agent& agent, wire::Handle file, uint32_t bar, const Deadline& deadline) {
  const auto command = TRY(
      agent.call(wire::VfioRead{.device = file, .region = kConfigRegion, .offset = kCommand, .length = 2}, deadline));
  const auto set = [&](wire::Bytes value) {
    return agent.call(
        wire::VfioWrite{.device = file, .region = kConfigRegion, .offset = kCommand, .blob = std::move(value)},
        deadline);
  };
  wire::Bytes on = command.blob;
  if (on.size() != 2) return kernel_error("short-read", "the command register did not come whole");
  on[0] |= kCommandMemory;
  if (on != command.blob) TRY(set(on));
  TRY(agent.call(wire::VfioRead{.device = file, .region = bar, .offset = 0, .length = 4}, deadline));
  if (on != command.blob) TRY(set(command.blob));
  return {};
}

}  // namespace holdfast
