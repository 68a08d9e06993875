// What does a [[vm]] table say?
#include "lab/inventory/vm_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/pci/pci.h"
#include "lab/inventory/forms.h"
#include "lab/inventory/sections.h"
#include "lab/qemu/parts.h"

namespace holdfast::lab {
namespace {

/// An address in its whole form, or ids as they are written.
Result<std::string> read_passthrough(const Table& table) {
  std::string text = TRY(table.required_text("passthrough"));
  if (parse_ids(text)) return text;
  if (const auto address = PciAddress::parse(text)) return address->to_string();
  return table.error("passthrough", fmt::format("'{}' is neither an address nor vendor and device", text))
      .because(
          "\"0000:3b:00.0\" is where it is, \"8086:10d3\" the first of that kind that can be had; `holdfast list "
          "devices "
          "--local` shows both");
}

/// The value of a property of QEMU's.
Result<std::string> property_text(const TomlMember& member) {
  if (const auto* flag = std::get_if<bool>(&member.node.value)) return std::string(*flag ? "on" : "off");
  if (const auto* number = std::get_if<int64_t>(&member.node.value)) return std::to_string(*number);
  const auto* text = std::get_if<std::string>(&member.node.value);
  if (text == nullptr || text->empty()) {
    return error_at(member.at, fmt::format("{} must be true, false, a whole number or a string", member.key));
  }
  // A comma would begin another property.
  if (text->find(',') != std::string::npos) return error_at(member.at, fmt::format("{} has a comma in it", member.key));
  return *text;
}

Result<std::map<std::string, std::string>> read_options(const Table& table) {
  std::map<std::string, std::string> options;
  const auto members = TRY(table.members("options"));
  for (const TomlMember& member : members) {
    if (!member.key.starts_with("x-")) {
      return error_at(member.at, fmt::format("option '{}' does not begin with x-", member.key))
          .because("those are what QEMU itself calls experimental; the rest is decided by keys of [[vm.device]]");
    }
    options[member.key] = TRY(property_text(member));
  }
  return options;
}

Result<PassedDevice> read_device(const Table& table) {
  PassedDevice device;
  device.declared_at = table.at();
  device.passthrough = TRY(read_passthrough(table));
  if (table.has("role")) device.role = TRY(read_name(table, "role"));
  device.traits = TRY(read_names(table, "traits"));
  for (const std::string_view lie : {"hot-plug", "spare"}) {
    if (std::ranges::find(device.traits, lie) == device.traits.end()) continue;
    return table.error("traits", fmt::format("a device that is passed through cannot be '{}'", lie))
        .because("it is in the virtual machine from power on to power off");
  }
  device.port = static_cast<unsigned>(TRY(table.integer("port", {1, 30}, 0)));
  device.function = static_cast<unsigned>(TRY(table.integer("function", {0, 7}, 0)));
  device.rombar = TRY(table.flag("rombar"));
  device.options = TRY(read_options(table));
  // Above that a guest has no addresses: 2^46 bytes.
  device.window_mib = static_cast<uint64_t>(TRY(table.integer("window_mib", {1, int64_t{1} << 26}, 0)));
  return device;
}

/// The name by which cases and reports know it.
std::string role_of(const PassedDevice& device) { return device.role.empty() ? device.passthrough : device.role; }

Result<void> read_devices(const Table& table, PassthroughVm& vm) {
  const auto emulated = vm.emulated ? builtin_devices() : std::vector<Device>();
  const auto devices = TRY(table.tables("device", sections::kPassed));
  for (const Table& one : devices) {
    PassedDevice device = TRY(read_device(one));
    const std::string role = role_of(device);
    if (std::ranges::find(emulated, role, &Device::role) != emulated.end()) {
      return one.error("role", fmt::format("the role '{}' is taken: by an emulated device", role))
          .because("choose another name, or write emulated = false in the [[vm]]");
    }
    for (const PassedDevice& other : vm.devices) {
      if (role_of(other) != role) continue;
      const bool named = one.has("role");
      return one
          .error(named ? "role" : "passthrough",
                 fmt::format("the role '{}' is taken: by the device at {}", role, other.declared_at))
          .because(named ? "" : "give each a role of its own");
    }
    vm.devices.push_back(std::move(device));
  }
  return {};
}

Result<void> read_passed(const Table& table, VirtualMachine& vm) {
  PassthroughVm& passed = vm.passed;
  passed.emulated = TRY(table.flag("emulated")).value_or(true);
  passed.force = TRY(table.flag("force")).value_or(false);
  const std::string pages = TRY(table.choice("hugepages", {"none", "2M", "1G"}, "none"));
  passed.hugepage_mib = pages == "2M" ? 2 : pages == "1G" ? 1024 : 0;
  if (passed.hugepage_mib != 0 && vm.memory_mib % passed.hugepage_mib != 0) {
    return table.error("hugepages",
                       fmt::format("{} MiB of memory are no whole number of pages of {}", vm.memory_mib, pages));
  }
  TRY(read_devices(table, passed));
  if (!passed.devices.empty()) return {};
  for (const std::string_view key : {"force", "emulated"}) {
    if (table.has(key)) return table.error(key, fmt::format("{} goes with [[vm.device]]: there is none", key));
  }
  return {};
}

}  // namespace

Result<VirtualMachine> read_vm(const Table& table) {
  VirtualMachine vm;
  vm.declared_at = table.at();
  vm.name = TRY(read_name(table, "name"));
  vm.tags = TRY(read_names(table, "tags"));
  vm.memory_mib = static_cast<unsigned>(TRY(table.integer("memory_mib", {512, 1 << 20}, vm.memory_mib)));
  vm.cpus = static_cast<unsigned>(TRY(table.integer("cpus", {1, 255}, vm.cpus)));
  vm.accel = accel_wish_from(TRY(table.choice("accel", {"auto", "kvm", "tcg"}, "auto"))).value_or(vm.accel);
  vm.time_scale = TRY(read_time_scale(table));
  TRY(read_passed(table, vm));
  return vm;
}

}  // namespace holdfast::lab
