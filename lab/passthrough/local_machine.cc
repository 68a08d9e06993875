// Which PCI devices does the harness's own machine have?
#include "lab/passthrough/local_machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"
#include "harness/pci/pci.h"
#include "harness/pci/pci_names.h"
#include "harness/pci/pci_registers.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

template <class T>
T hex_in(const fs::path& file) {
  return static_cast<T>(parse_u64(read_line(file), 16).value_or(0));
}

int number_or_none(std::string_view text) {
  const auto number = parse_u64(text);
  return number ? static_cast<int>(*number) : -1;
}

unsigned count_in(const fs::path& file) { return static_cast<unsigned>(parse_u64(read_line(file)).value_or(0)); }

std::vector<std::string> others_in(const fs::path& folder, const std::string& bdf) {
  std::vector<std::string> names = names_in(folder);
  std::erase_if(names, [&](const std::string& name) { return name == bdf || !is_bdf(name); });
  return names;
}

/// Extended capability 000Dh. Source: PCI Express Base Specification 6.0, 7.7.11. Below 256 bytes nobody can tell.
std::optional<bool> has_acs(const fs::path& folder) {
  const auto text = read_file(folder / "config");
  if (!text || text->size() <= 256) return std::nullopt;
  const std::vector<uint8_t> config(text->begin(), text->end());
  return std::ranges::any_of(pci::capabilities(config),
                             [](const pci::Capability& one) { return one.extended && one.id == 0x000d; });
}

/// Regions of kind "direct" are those that the firmware needs mapped one to one (RMRR, IVMD): a group with one cannot
/// be given to user space. "direct-relaxable" (graphics, USB) can. Source:
/// Documentation/ABI/testing/sysfs-kernel-iommu_groups of Linux 7.3.
std::vector<std::string> fixed_regions(const fs::path& group) {
  std::vector<std::string> regions;
  const std::string text = read_line(group / "reserved_regions");
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() == 3 && words[2] == "direct") regions.push_back(fmt::format("{}-{}", words[0], words[1]));
  }
  return regions;
}

void read_numbers(LocalDevice& device, const fs::path& folder) {
  device.vendor = hex_in<uint16_t>(folder / "vendor");
  device.device = hex_in<uint16_t>(folder / "device");
  device.class_code = hex_in<uint32_t>(folder / "class");
  device.bridge = device.class_code >> 8 == 0x0604;
  device.iommu_group = number_or_none(link_name(folder / "iommu_group"));
  device.numa_node = number_or_none(read_line(folder / "numa_node"));
  device.total_vfs = count_in(folder / "sriov_totalvfs");
  device.num_vfs = count_in(folder / "sriov_numvfs");
  device.boot_display = read_line(folder / "boot_vga") == "1";
}

LocalDevice look_at(const fs::path& folder, const std::string& bdf, const PciNames& names) {
  LocalDevice device;
  device.bdf = bdf;
  device.ports = bdfs_on_the_way(folder);
  if (!device.ports.empty()) device.ports.pop_back();
  read_numbers(device, folder);
  device.vendor_name = names.vendor(device.vendor);
  device.device_name = names.device(device.vendor, device.device);
  device.class_name = names.class_of(device.class_code);
  device.driver = link_name(folder / "driver");
  const std::string override_text = read_line(folder / "driver_override");
  device.driver_override = override_text == "(null)" ? "" : override_text;
  device.group_members = others_in(folder / "iommu_group/devices", bdf);
  device.fixed = fixed_regions(folder / "iommu_group");
  const std::string methods = read_line(folder / "reset_method");
  for (const std::string_view method : split(methods, ' ')) {
    if (!method.empty()) device.reset_methods.emplace_back(method);
  }
  device.physical_function = link_name(folder / "physfn");
  for (const std::string& name : names_in(folder)) {
    if (name.starts_with("virtfn")) device.virtual_functions.push_back(link_name(folder / name));
  }
  std::ranges::sort(device.virtual_functions);
  device.has_acs = has_acs(folder);
  return device;
}

/// The firmware's tables say whether there is an IOMMU that could be switched on: DMAR is Intel's, IVRS AMD's, IORT
/// Arm's.
LocalMachine::Iommu look_at_iommu(const fs::path& root) {
  if (!names_in(root / "sys/class/iommu").empty()) return LocalMachine::Iommu::kOn;
  for (const char* table : {"DMAR", "IVRS", "IORT"}) {
    std::error_code failed;
    if (fs::exists(root / "sys/firmware/acpi/tables" / table, failed)) return LocalMachine::Iommu::kOff;
  }
  return LocalMachine::Iommu::kMissing;
}

std::string cpu_vendor(const fs::path& root) {
  const std::string text = read_line(root / "proc/cpuinfo");
  for (const std::string_view line : split(text, '\n')) {
    const size_t colon = line.find(':');
    if (line.starts_with("vendor_id") && colon != std::string_view::npos)
      return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

/// A function is open through its group, or through a character device of its own.
std::map<std::string, std::vector<FileHolder>> find_holders(const std::vector<LocalDevice>& devices,
                                                            const fs::path& root) {
  std::map<std::string, std::vector<std::string>> files;
  for (const LocalDevice& device : devices) {
    if (device.driver != "vfio-pci") continue;
    files["/dev/vfio/" + std::to_string(device.iommu_group)].push_back(device.bdf);
    for (const std::string& name : names_in(root / "sys/bus/pci/devices" / device.bdf / "vfio-dev")) {
      files["/dev/vfio/devices/" + name].push_back(device.bdf);
    }
  }
  std::vector<std::string> names;
  for (const auto& [file, bdfs] : files) names.push_back(file);
  std::map<std::string, std::vector<FileHolder>> holders;
  if (names.empty()) return holders;
  for (const FileHolder& holder : holders_of(names, root)) {
    for (const std::string& bdf : files[holder.file]) holders[bdf].push_back(holder);
  }
  return holders;
}

}  // namespace

const LocalDevice* LocalMachine::find(std::string_view bdf) const {
  const auto found = std::ranges::find(devices, bdf, &LocalDevice::bdf);
  return found == devices.end() ? nullptr : &*found;
}

Result<LocalMachine> look_at_machine(const fs::path& root) {
  const fs::path folder = root / "sys/bus/pci/devices";
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return lab_error("io", fmt::format("there is no {}", folder.string()));
  LocalMachine machine;
  const PciNames names;
  for (const std::string& bdf : names_in(folder)) {
    if (is_bdf(bdf)) machine.devices.push_back(look_at(folder / bdf, bdf, names));
  }
  machine.uses = TRY(devices_in_use(root));
  machine.vfio_holders = find_holders(machine.devices, root);
  machine.iommu = look_at_iommu(root);
  machine.cpu_vendor = cpu_vendor(root);
  return machine;
}

}  // namespace holdfast::lab
