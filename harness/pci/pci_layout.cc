// How is one function's config space laid out?
//
// The header decides where the chain of conventional capabilities begins; from 0x100 on stands the chain of extended
// ones. Headers of capabilities are claimed first, then their registers, then what is left becomes dwords named after
// the capability that they belong to. Nothing that the device says is trusted: a pointer is followed once, and no
// register reaches into another or out of the space.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "harness/pci/pci_registers.h"

namespace holdfast::pci {
namespace {

constexpr uint16_t kHeaderEnd = 0x40;
constexpr uint16_t kExtendedStart = 0x100;
constexpr uint16_t kNobody = 0xffff;

uint64_t read(std::span<const uint8_t> config, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size && at + i < config.size(); ++i) value |= uint64_t{config[at + i]} << (8 * i);
  return value;
}

void walk_conventional(std::span<const uint8_t> config, std::vector<Capability>& found) {
  if (config.size() < kExtendedStart || (read(config, 0x06, 2) & 0x0010) == 0) return;
  const bool cardbus = (config[0x0e] & 0x7f) == 2;
  std::array<bool, kExtendedStart> seen{};
  uint16_t at = config[cardbus ? 0x14 : 0x34] & 0xfc;
  while (at >= kHeaderEnd && !seen[at]) {
    seen[at] = true;
    if (config[at] == 0xff) return;  // a device that does not answer
    found.push_back({at, config[at], false});
    at = config[at + 1] & 0xfc;
  }
}

void walk_extended(std::span<const uint8_t> config, std::vector<Capability>& found) {
  std::vector<bool> seen(config.size());
  size_t at = kExtendedStart;
  while (at >= kExtendedStart && at + 4 <= config.size() && !seen[at]) {
    seen[at] = true;
    const auto header = static_cast<uint32_t>(read(config, at, 4));
    if (header == 0 || header == 0xffffffff) return;
    found.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(header & 0xffff), true});
    at = (header >> 20) & 0xffc;
  }
}

/// Gives out the bytes of a config space, each of them once.
class Layout {
 public:
  explicit Layout(std::span<const uint8_t> config)
      : config_(config), claimed_(config.size()), part_of_(config.size(), kNobody) {}

  void header();
  void capabilities();
  std::vector<Register> finish();

 private:
  /// A capability with the name that sets it apart from others of its kind, and the bytes that are its own.
  struct Named {
    Capability where;
    std::string name;
    size_t end = 0;
  };

  bool claim(size_t at, size_t size, std::string name, std::span<const Field> fields = {});
  void bars(size_t count);
  std::vector<Named> name_all() const;
  size_t length_of(const Capability& capability) const;
  std::span<const RegisterSpec> specs_of(const Capability& capability) const;

  std::span<const uint8_t> config_;
  std::vector<bool> claimed_;
  std::vector<uint16_t> part_of_;  ///< index into named_ for each byte
  std::vector<Named> named_;
  std::vector<Register> registers_;
};

bool Layout::claim(size_t at, size_t size, std::string name, std::span<const Field> fields) {
  if (at + size > config_.size()) return false;
  for (size_t i = at; i < at + size; ++i) {
    if (claimed_[i]) return false;
  }
  for (size_t i = at; i < at + size; ++i) claimed_[i] = true;
  registers_.push_back({static_cast<uint16_t>(at), static_cast<uint8_t>(size), std::move(name), fields});
  return true;
}

void Layout::bars(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const size_t at = 0x10 + 4 * i;
    const uint64_t bar = read(config_, at, 4);
    const bool wide = (bar & 0x7) == 0x4 && i + 1 < count;  // memory, 64 bits
    claim(at, wide ? 8 : 4, fmt::format("BAR{}", i));
    if (wide) ++i;
  }
}

void Layout::header() {
  const uint8_t type = config_.size() > 0x0e ? config_[0x0e] & 0x7f : 0;
  if (type <= 1) bars(type == 0 ? 6 : 2);
  // The first 16 bytes and the interrupt registers are the same in every type; of a type that is neither 0 nor 1 the
  // rest has no names.
  for (const RegisterSpec& spec : type == 1 ? type1_header() : type0_header()) {
    const bool common = spec.offset < 0x10 || spec.offset == 0x3c || spec.offset == 0x3d;
    if (type <= 1 || common) claim(spec.offset, spec.size, std::string(spec.name), spec.fields);
  }
}

size_t Layout::length_of(const Capability& capability) const {
  const size_t at = capability.at;
  if (capability.extended) {
    const bool sized = capability.id == 0x0b || capability.id == 0x23;  // VSEC and DVSEC say how long they are
    if (sized) return std::max<size_t>(8, static_cast<size_t>(read(config_, at + 4, 4) >> 20));
    const CapabilitySpec* spec = find_extended_capability(capability.id);
    return spec != nullptr && spec->length != 0 ? spec->length : config_.size();
  }
  if (capability.id == 0x09) return std::max<size_t>(3, static_cast<size_t>(read(config_, at + 2, 1)));
  if (capability.id == 0x05) {
    const RegisterSpec& last = msi_registers(static_cast<uint16_t>(read(config_, at + 2, 2))).back();
    return last.offset + size_t{last.size};
  }
  if (capability.id == 0x10 && (read(config_, at + 2, 2) & 0xf) < 2) return 0x24;  // version 1 ends with Root Status
  const CapabilitySpec* spec = find_capability(capability.id);
  return spec != nullptr && spec->length != 0 ? spec->length : kExtendedStart;
}

std::vector<Layout::Named> Layout::name_all() const {
  std::vector<Capability> all = pci::capabilities(config_);
  std::ranges::sort(all, {}, &Capability::at);
  std::vector<Named> named;
  std::map<std::string, int> count;
  for (size_t i = 0; i < all.size(); ++i) {
    const Capability& one = all[i];
    const CapabilitySpec* spec = one.extended ? find_extended_capability(one.id) : find_capability(one.id);
    std::string name = spec != nullptr
                           ? std::string(spec->name)
                           : fmt::format("{} 0x{:02x}", one.extended ? "Extended Capability" : "Capability", one.id);
    const int nth = ++count[name];
    if (nth > 1) name += fmt::format(" #{}", nth);
    const size_t space_end = one.extended ? config_.size() : kExtendedStart;
    const size_t neighbour = i + 1 < all.size() ? all[i + 1].at : space_end;
    named.push_back({one, std::move(name), std::min({one.at + length_of(one), neighbour, space_end})});
  }
  return named;
}

std::span<const RegisterSpec> Layout::specs_of(const Capability& capability) const {
  if (!capability.extended && capability.id == 0x05) {
    return msi_registers(static_cast<uint16_t>(read(config_, capability.at + size_t{2}, 2)));
  }
  const CapabilitySpec* spec =
      capability.extended ? find_extended_capability(capability.id) : find_capability(capability.id);
  return spec != nullptr ? spec->registers : std::span<const RegisterSpec>{};
}

void Layout::capabilities() {
  named_ = name_all();
  for (size_t i = 0; i < named_.size(); ++i) {
    const Named& one = named_[i];
    claim(one.where.at, one.where.extended ? 4 : 2, one.name + ": capability header");
    for (size_t at = one.where.at; at < one.end; ++at) part_of_[at] = static_cast<uint16_t>(i);
  }
  for (const Named& one : named_) {
    for (const RegisterSpec& spec : specs_of(one.where)) {
      const size_t at = size_t{one.where.at} + spec.offset;
      if (at + spec.size <= one.end) claim(at, spec.size, fmt::format("{}: {}", one.name, spec.name), spec.fields);
    }
  }
}

std::vector<Register> Layout::finish() {
  for (size_t at = 0; at < config_.size();) {
    if (claimed_[at]) {
      ++at;
      continue;
    }
    // Up to the next dword, the next claimed byte or the next owner, whichever comes first.
    const uint16_t owner = part_of_[at];
    size_t end = at + 1;
    while (end < config_.size() && end % 4 != 0 && !claimed_[end] && part_of_[end] == owner) ++end;
    std::string name = owner != kNobody  ? fmt::format("{}: +0x{:02x}", named_[owner].name, at - named_[owner].where.at)
                       : at < kHeaderEnd ? fmt::format("header +0x{:02x}", at)
                                         : fmt::format("device specific +0x{:02x}", at);
    claim(at, end - at, std::move(name));
    at = end;
  }
  std::ranges::sort(registers_, {}, &Register::at);
  return std::move(registers_);
}

}  // namespace

uint64_t Register::value(std::span<const uint8_t> config) const { return read(config, at, size); }

std::vector<Capability> capabilities(std::span<const uint8_t> config) {
  std::vector<Capability> found;
  walk_conventional(config, found);
  walk_extended(config, found);
  return found;
}

std::vector<Register> registers_of(std::span<const uint8_t> config) {
  Layout layout(config.first(std::min<size_t>(config.size(), 4096)));
  layout.header();
  layout.capabilities();
  return layout.finish();
}

uint64_t serial_number(std::span<const uint8_t> config) {
  for (const Capability& one : capabilities(config)) {
    if (one.extended && one.id == 0x03) return read(config, one.at + size_t{4}, 8);
  }
  return 0;
}

std::string describe_bits(const Register& reg, uint64_t before, uint64_t after, uint64_t mask) {
  std::string text;
  const auto add = [&](const std::string& piece) { text += (text.empty() ? "" : ", ") + piece; };
  for (const Field& field : reg.fields) {
    if (((before ^ after) & mask & field.mask) == 0) continue;
    if (std::has_single_bit(field.mask)) {
      add(fmt::format("{} {}", field.name, (after & field.mask) != 0 ? "on" : "off"));
    } else {
      const int shift = std::countr_zero(field.mask);
      add(fmt::format("{} {} -> {}", field.name, (before & field.mask) >> shift, (after & field.mask) >> shift));
    }
  }
  return text;
}

}  // namespace holdfast::pci
