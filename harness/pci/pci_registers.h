// Which register does a byte of config space belong to, and what are its bits called?
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::pci {

/// Some bits of a register and what they mean when set: "bus mastering".
struct Field {
  uint32_t mask;
  std::string_view name;
};

/// A register at an offset from the start of its header or capability.
struct RegisterSpec {
  uint16_t offset;
  uint8_t size;
  std::string_view name;
  std::span<const Field> fields = {};
};

/// What a capability is called and which registers it has. `length` 0: as long as it says itself, or up to its
/// neighbour.
struct CapabilitySpec {
  uint16_t id;
  uint16_t length;
  std::string_view name;
  std::span<const RegisterSpec> registers = {};
};

std::span<const RegisterSpec> type0_header();
std::span<const RegisterSpec> type1_header();
/// Nothing for an id that no table knows.
const CapabilitySpec* find_capability(uint16_t id);
const CapabilitySpec* find_extended_capability(uint16_t id);
/// The registers of an MSI capability, whose shape its own Message Control decides.
std::span<const RegisterSpec> msi_registers(uint16_t message_control);

/// A register of one function: 1 to 8 bytes of its config space under one name.
struct Register {
  uint16_t at;
  uint8_t size;
  std::string name;  ///< "Command", "MSI-X: Message Control", "Vendor Specific #2: +0x08", "device specific +0x44"
  std::span<const Field> fields = {};

  /// Little-endian, 0 for bytes that are not there.
  uint64_t value(std::span<const uint8_t> config) const;
};

/// Where a capability begins. Hostile chains (loops, pointers out of the space) end the walk.
struct Capability {
  uint16_t at;
  uint16_t id;
  bool extended;
};
std::vector<Capability> capabilities(std::span<const uint8_t> config);

/// Every byte of `config` in exactly one register, in order.
std::vector<Register> registers_of(std::span<const uint8_t> config);

/// The eight bytes of the Device Serial Number capability, or 0.
uint64_t serial_number(std::span<const uint8_t> config);

/// What changed, in words: "bus mastering off, link speed 3 -> 1". Only bits in `mask` count.
std::string describe_bits(const Register& reg, uint64_t before, uint64_t after, uint64_t mask);

}  // namespace holdfast::pci
