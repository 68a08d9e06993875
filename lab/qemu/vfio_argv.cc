// How is QEMU told to give a guest devices of this machine?
#include "lab/qemu/vfio_argv.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/process.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

Error wrong(const PassedDevice& device, const std::string& what) {
  return usage_error(device.declared_at.empty() ? what : fmt::format("{}: {}", device.declared_at, what));
}

bool fits(std::string_view type, std::string_view value) {
  if (type == "bool" || type == "OnOffAuto") {
    return value == "on" || value == "off" || (type == "OnOffAuto" && value == "auto");
  }
  if (type.starts_with("uint") || type.starts_with("int")) {
    return (value.starts_with("0x") ? parse_u64(value, 16) : parse_u64(value)).has_value();
  }
  // A comma would begin another property.
  return !value.empty() && value.find(',') == std::string_view::npos;
}

/// The way around what the harness decides is for what QEMU itself calls experimental; the rest has keys of its own.
Result<std::string> options_of(const PassedDevice& device, const QemuProperties& properties) {
  std::string text;
  for (const auto& [name, value] : device.options) {
    if (!name.starts_with("x-")) return wrong(device, fmt::format("option '{}' does not begin with x-", name));
    const auto known = properties.find(name);
    if (known == properties.end()) {
      std::vector<std::string> names;
      for (const auto& [one, type] : properties) names.push_back(one);
      const auto close = nearest(name, names);
      return wrong(device, fmt::format("this QEMU's vfio-pci has no option '{}'{}", name,
                                       close ? fmt::format("; did you mean '{}'?", *close) : ""));
    }
    if (!fits(known->second, value)) {
      return wrong(device, fmt::format("option {}: '{}' is no {}", name, value, known->second));
    }
    text += fmt::format(",{}={}", name, value);
  }
  return text;
}

std::string port_arguments(unsigned port, uint64_t window_mib) {
  // Chassis and slot are what tells ports apart; those of the emulated devices are the numbers of theirs, below 32.
  const std::string window = window_mib > 0 ? fmt::format(",pref64-reserve={}M", window_mib) : "";
  return fmt::format("pcie-root-port,id=pass{0},chassis={1},slot={1},addr=0x{0:x}{2}", port, port + 32, window);
}

uint64_t window_of(const std::vector<PlacedDevice>& placed, unsigned port) {
  uint64_t sum = 0;
  for (const PlacedDevice& one : placed) sum += one.port == port ? one.declared.window_mib : 0;
  return sum;
}

}  // namespace

QemuProperties parse_device_help(std::string_view text) {
  QemuProperties properties;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view entry = trim(line);
    const size_t equals = entry.find("=<");
    const size_t end = entry.find('>');
    if (equals == std::string_view::npos || end == std::string_view::npos || end < equals) continue;
    properties.emplace(entry.substr(0, equals), entry.substr(equals + 2, end - equals - 2));
  }
  return properties;
}

Result<QemuProperties> vfio_properties(const std::string& qemu, const Deadline& deadline) {
  const Output output = TRY(run({.argv = {qemu, "-device", "vfio-pci,help"}}, deadline));
  QemuProperties properties = parse_device_help(output.out);
  if (!output.status.success() || !properties.contains("host")) {
    return cannot(fmt::format("{} has no device vfio-pci: {}", qemu, trim(output.err)));
  }
  return properties;
}

Result<VfioWay> choose_vfio_way(const QemuProperties& properties, const fs::path& root) {
  std::error_code ignored;
  const bool kernel_has_cdev = fs::exists(root / "dev/iommu", ignored);
  if (properties.contains("iommufd") && kernel_has_cdev) return VfioWay::kCdev;
  // A kernel with IOMMUFD_VFIO_CONTAINER answers at this file, too.
  if (fs::exists(root / "dev/vfio/vfio", ignored)) return VfioWay::kGroup;
  if (kernel_has_cdev) {
    return cannot(
        "this QEMU opens devices through their group only, and this kernel has no /dev/vfio/vfio: it takes QEMU "
        "9.0, or a kernel with VFIO_CONTAINER or IOMMUFD_VFIO_CONTAINER");
  }
  return cannot("this kernel has no /dev/vfio/vfio; sudo modprobe vfio-pci may bring it");
}

Result<std::vector<std::string>> vfio_arguments(const std::vector<PlacedDevice>& placed, VfioWay way,
                                                const QemuProperties& properties) {
  std::vector<std::string> argv;
  if (placed.empty()) return argv;
  if (way == VfioWay::kCdev) argv.insert(argv.end(), {"-object", "iommufd,id=iommufd"});
  uint64_t all_windows = 0;
  unsigned port = 0;
  for (const PlacedDevice& one : placed) {
    if (one.port != port) {
      port = one.port;
      const uint64_t window = window_of(placed, port);
      all_windows += window;
      argv.insert(argv.end(), {"-device", port_arguments(port, window)});
    }
    std::string device = fmt::format("vfio-pci,host={},id=dev{}.{},bus=pass{},addr=0x0.{}", one.host_bdf, port,
                                     one.declared.function, port, one.declared.function);
    if (one.multifunction) device += ",multifunction=on";
    if (way == VfioWay::kCdev) device += ",iommufd=iommufd";
    if (one.declared.rombar) device += fmt::format(",rombar={}", *one.declared.rombar ? 1 : 0);
    device += TRY(options_of(one.declared, properties));
    argv.insert(argv.end(), {"-device", std::move(device)});
  }
  // q35 leaves 32 GiB of room above the memory. Source: QEMU 7.2, hw/pci-host/q35.c, Q35_PCI_HOST_HOLE64_SIZE_DEFAULT.
  constexpr uint64_t kRoomMib = 32 * 1024;
  if (all_windows > kRoomMib / 2) {
    argv.insert(argv.end(), {"-global", fmt::format("q35-pcihost.pci-hole64-size={}M", all_windows * 2)});
  }
  return argv;
}

Result<std::vector<std::string>> memory_arguments(unsigned memory_mib, unsigned hugepage_mib, const fs::path& root) {
  if (hugepage_mib == 0) return std::vector<std::string>();
  if (memory_mib % hugepage_mib != 0) {
    return usage_error(fmt::format("{} MiB of memory are no whole number of {} MiB pages", memory_mib, hugepage_mib));
  }
  const fs::path pool = root / fmt::format("sys/kernel/mm/hugepages/hugepages-{}kB", hugepage_mib * 1024);
  const auto free = parse_u64(read_line(pool / "free_hugepages"));
  if (!free) {
    return lab_error("hugepages", fmt::format("this machine has no huge pages of {} MiB", hugepage_mib))
        .because("its kernel needs CONFIG_HUGETLBFS; of 1 GiB: a processor that has them");
  }
  const unsigned needed = memory_mib / hugepage_mib;
  if (*free < needed) {
    return lab_error("hugepages",
                     fmt::format("the guest needs {} huge pages of {} MiB, {} are free", needed, hugepage_mib, *free))
        .because(fmt::format("echo {} | sudo tee {}", needed, (pool / "nr_hugepages").string()));
  }
  return std::vector<std::string>{
      "-object",
      fmt::format("memory-backend-memfd,id=ram,size={}M,hugetlb=on,hugetlbsize={}M,prealloc=on", memory_mib,
                  hugepage_mib),
      "-machine", "memory-backend=ram"};
}

Millis passthrough_patience(unsigned memory_mib, const std::vector<PlacedDevice>& placed) {
  // Pinning touches and clears every page once: a second per GiB is slow, not rare. A bus reset alone waits a second
  // for the device, and up to a minute when it is not ready. Source: drivers/pci/pci.c of Linux 7.3,
  // PCIE_RESET_READY_POLL_MS.
  constexpr Millis kPerGib{1'000};
  constexpr Millis kPerDevice{10'000};
  return kPerGib * (memory_mib / 1024 + 1) + kPerDevice * static_cast<int64_t>(placed.size());
}

}  // namespace holdfast::lab
