// How does a snapshot come from an agent's reply or a text in lspci's format, and become such a text?
//
// The only user of libpci. Its dump method reads a file, ends the process on an error unless told otherwise, and its
// header has no extern "C".
#include "harness/pci/pci.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <numeric>

extern "C" {
#include <pci/pci.h>
}

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

uint32_t read(const std::vector<uint8_t>& config, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size && at + i < config.size(); ++i) value |= uint32_t{config[at + i]} << (8 * i);
  return value;
}

std::string decode_io(const std::vector<uint8_t>& config) {
  const bool wide = (read(config, 0x1c, 1) & 0xf) == 1;
  uint64_t base = uint64_t{read(config, 0x1c, 1) & 0xf0U} << 8;
  uint64_t limit = (uint64_t{read(config, 0x1d, 1) & 0xf0U} << 8) | 0xfff;
  if (wide) base |= uint64_t{read(config, 0x30, 2)} << 16;
  if (wide) limit |= uint64_t{read(config, 0x32, 2)} << 16;
  return base > limit ? "none" : fmt::format("{:04x}-{:04x}", base, limit);
}

/// `at`: the base register, with the limit 2 bytes after it; `upper`: the upper halves' offset, or 0.
std::string decode_memory(const std::vector<uint8_t>& config, size_t at, size_t upper) {
  const bool wide = upper != 0 && (read(config, at, 2) & 0xf) == 1;
  uint64_t base = uint64_t{read(config, at, 2) & 0xfff0U} << 16;
  uint64_t limit = (uint64_t{read(config, at + 2, 2) & 0xfff0U} << 16) | 0xfffff;
  if (wide) base |= uint64_t{read(config, upper, 4)} << 32;
  if (wide) limit |= uint64_t{read(config, upper + 4, 4)} << 32;
  return base > limit ? "none" : fmt::format("{:08x}-{:08x}", base, limit);
}

/// What the config space says of itself.
void decode_header(PciFunctionState& function) {
  function.revision = static_cast<uint8_t>(read(function.config, 0x08, 1));
  function.header_type = static_cast<uint8_t>(read(function.config, 0x0e, 1));
  function.bridge = PciBridge::decode(function.config);
}

/// Orders by address; nothing when two functions claim the same one.
bool order(std::vector<PciFunctionState>& functions) {
  std::ranges::sort(functions, {}, &PciFunctionState::address);
  return std::ranges::adjacent_find(functions, {}, &PciFunctionState::address) == functions.end();
}

/// What lspci's own reader takes without an error: lines under 250 bytes of plain text.
std::string description(const PciFunctionState& f) {
  std::string line = fmt::format("{} Class {:04x}: Device {:04x}:{:04x} (rev {:02x})", f.address.to_string(),
                                 f.class_code >> 8, f.vendor, f.device, f.revision);
  if (!f.driver.empty()) line += fmt::format(" driver {}", f.driver);
  if (f.iommu_group >= 0) line += fmt::format(" group {}", f.iommu_group);
  std::ranges::replace_if(line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line.substr(0, 240);
}

// --- libpci ---------------------------------------------------------------------------------------------------------

/// Where to go and what to say when libpci calls its error function, which must not return. Per thread, because libpci
/// gives that function no context.
thread_local std::jmp_buf on_error;
thread_local std::array<char, 256> error_text;

[[noreturn]] void libpci_error(char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(error_text.data(), error_text.size(), format, arguments);
  va_end(arguments);
  std::longjmp(on_error, 1);
}

void libpci_silent(char* /*format*/, ...) {}

struct Cleanup {
  void operator()(pci_access* access) const { pci_cleanup(access); }
};
using Access = std::unique_ptr<pci_access, Cleanup>;

/// Runs pci_init(); false when it called the error function. Holds nothing with a destructor, so that the jump out of
/// libpci's C frames skips none.
bool init(pci_access* access) {
  if (setjmp(on_error) != 0) return false;
  pci_init(access);
  return true;
}

std::vector<uint8_t> config_of(pci_dev* device) {
  std::vector<uint8_t> config(4096);
  for (const int size : {4096, 256, 64}) {
    if (pci_read_block(device, 0, config.data(), size) == 0) continue;
    config.resize(static_cast<size_t>(size));
    return config;
  }
  return {};
}

PciFunctionState function_of(pci_dev* device) {
  PciFunctionState function;
  function.address = {static_cast<uint32_t>(device->domain), device->bus, device->dev, device->func};
  function.config = config_of(device);
  function.vendor = static_cast<uint16_t>(read(function.config, 0x00, 2));
  function.device = static_cast<uint16_t>(read(function.config, 0x02, 2));
  function.class_code = read(function.config, 0x09, 3);
  decode_header(function);
  return function;
}

Error bad_text(std::string what) {
  return harness_error("pci-text", "reading a text in lspci's format: " + std::move(what));
}

/// libpci, ready to read by `method`, of which `parameter` is the one that says where.
Result<Access> open_access(unsigned method, std::string parameter, std::string value) {
  Access access(pci_alloc());
  access->method = method;
  access->error = libpci_error;
  access->warning = libpci_silent;
  if (pci_set_param(access.get(), parameter.data(), value.data()) != 0) {
    return bad_text(fmt::format("libpci knows no {}", parameter));
  }
  if (!init(access.get())) return bad_text(error_text.data());
  return access;
}

struct Release {
  void operator()(pci_dev* device) const { pci_free_dev(device); }
};

}  // namespace

Result<PciAddress> PciAddress::parse(std::string_view text) {
  const auto wrong = [&] {
    Error error = harness_error("usage", fmt::format("'{}' is no PCI address", text));
    error.hint = "write it like 0000:03:00.0 or 03:00.0";
    return error;
  };
  std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() == 2) parts.insert(parts.begin(), "0000");
  if (parts.size() != 3) return wrong();
  const std::vector<std::string_view> tail = split(parts[2], '.');
  const auto domain = parse_u64(parts[0], 16);
  const auto bus = parse_u64(parts[1], 16);
  if (tail.size() != 2 || !domain || !bus) return wrong();
  const auto device = parse_u64(tail[0], 16);
  const auto function = parse_u64(tail[1], 16);
  if (!device || !function || *domain > 0xffffffff || *bus > 0xff || *device > 0x1f || *function > 7) return wrong();
  return PciAddress{static_cast<uint32_t>(*domain), static_cast<uint8_t>(*bus), static_cast<uint8_t>(*device),
                    static_cast<uint8_t>(*function)};
}

std::string PciAddress::to_string() const {
  return fmt::format("{:04x}:{:02x}:{:02x}.{}", domain, bus, device, function);
}

std::optional<PciBridge> PciBridge::decode(const std::vector<uint8_t>& config) {
  if (config.size() < 64 || (config[0x0e] & 0x7f) != 1) return std::nullopt;
  return PciBridge{.primary = config[0x18],
                   .secondary = config[0x19],
                   .subordinate = config[0x1a],
                   .io_window = decode_io(config),
                   .memory_window = decode_memory(config, 0x20, 0),
                   .prefetchable_window = decode_memory(config, 0x24, 0x28)};
}

Result<PciSnapshot> PciSnapshot::from(const wire::PciListReply& reply) {
  const auto wrong = [](std::string what) {
    return harness_error("wire", "the agent's list of PCI functions: " + std::move(what));
  };
  PciSnapshot snapshot;
  size_t at = 0;
  for (const wire::PciFunction& said : reply.functions) {
    const size_t size = said.config_size;
    if (size != 64 && size != 256 && size != 4096)
      return wrong(fmt::format("{} has {} bytes of config space", said.bdf, size));
    if (reply.blob.size() - at < size) return wrong(fmt::format("the blob ends within {}", said.bdf));
    auto address = PciAddress::parse(said.bdf);
    if (!address) return wrong(address.error().what);
    PciFunctionState function;
    function.address = *address;
    function.path = said.path;
    function.vendor = said.vendor;
    function.device = said.device;
    function.class_code = said.class_code;
    function.driver = said.driver;
    function.iommu_group = said.iommu_group;
    function.resources = said.resources;
    const auto* bytes = reinterpret_cast<const uint8_t*>(reply.blob.data()) + at;
    function.config.assign(bytes, bytes + size);
    at += size;
    decode_header(function);
    snapshot.functions_.push_back(std::move(function));
  }
  if (at != reply.blob.size())
    return wrong(fmt::format("{} bytes of config space belong to nobody", reply.blob.size() - at));
  if (!order(snapshot.functions_)) return wrong("an address appears twice");
  return snapshot;
}

Result<PciSnapshot> PciSnapshot::parse(std::string_view lspci_text) {
  const Fd file(::memfd_create("lspci", MFD_CLOEXEC));
  if (!file) return system_error("making room for a text in lspci's format", errno);
  TRY(write_all(file.get(), lspci_text));
  std::string path = fmt::format("/proc/self/fd/{}", file.get());
  const Access access = TRY(open_access(PCI_ACCESS_DUMP, "dump.name", std::move(path)));
  pci_scan_bus(access.get());

  PciSnapshot snapshot;
  for (pci_dev* device = access->devices; device != nullptr; device = device->next) {
    snapshot.functions_.push_back(function_of(device));
    const PciFunctionState& last = snapshot.functions_.back();
    if (last.config.empty()) return bad_text(fmt::format("{} has less than 64 bytes", last.address.to_string()));
  }
  if (snapshot.functions_.empty()) return bad_text("there is no function in it");
  if (!order(snapshot.functions_)) return bad_text("an address appears twice");
  return snapshot;
}

Result<PciSnapshot> PciSnapshot::of_this_machine(const std::vector<PciAddress>& which,
                                                 const std::filesystem::path& bus) {
  const Access access = TRY(open_access(PCI_ACCESS_SYS_BUS_PCI, "sysfs.path", bus.string()));
  PciSnapshot snapshot;
  for (const PciAddress& address : which) {
    const std::unique_ptr<pci_dev, Release> device(
        pci_get_dev(access.get(), static_cast<int>(address.domain), address.bus, address.device, address.function));
    snapshot.functions_.push_back(function_of(device.get()));
    if (snapshot.functions_.back().config.empty()) {
      return lab_error("io", fmt::format("read the config space of {}: less than 64 bytes came", address.to_string()));
    }
  }
  if (!order(snapshot.functions_)) return usage_error("the same PCI function was named twice");
  return snapshot;
}

const PciFunctionState* PciSnapshot::find(const PciAddress& address) const {
  const auto found = std::ranges::lower_bound(functions_, address, {}, &PciFunctionState::address);
  return found != functions_.end() && found->address == address ? &*found : nullptr;
}

std::string PciSnapshot::to_lspci_text() const {
  std::string text;
  for (const PciFunctionState& function : functions_) {
    text += description(function) + "\n";
    for (size_t at = 0; at < function.config.size(); at += 16) {
      const auto begin = function.config.begin() + static_cast<std::ptrdiff_t>(at);
      text += fmt::format("{:02x}: {:02x}\n", at, fmt::join(begin, begin + 16, " "));
    }
    text += "\n";
  }
  return text;
}

}  // namespace holdfast
