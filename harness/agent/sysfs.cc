// What does sysfs say about a PCI device?
#include "harness/agent/sysfs.h"

#include <fmt/format.h>

#include <cerrno>

#include "harness/agent/refusal.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace fs = std::filesystem;

const fs::path& pci_bus() {
  static const fs::path path = "/sys/bus/pci";
  return path;
}

Result<fs::path> pci_device(const std::string& bdf) {
  if (!is_bdf(bdf)) return bad_request(fmt::format("\"{}\" is no PCI address like 0000:03:00.0", bdf));
  fs::path folder = pci_bus() / "devices" / bdf;
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) {
    return kernel_refused_because(fmt::format("there is no PCI device {}", bdf), ENODEV);
  }
  return folder;
}

std::string pci_path(const fs::path& device, const std::string& bdf) {
  const std::vector<std::string> ports = bdfs_on_the_way(device);
  return ports.empty() ? bdf : join(ports, "/");
}

std::string driver_of(const std::string& bdf) { return link_name(pci_bus() / "devices" / bdf / "driver"); }

std::string driver_override_of(const std::string& bdf) {
  const std::string text = read_line(pci_bus() / "devices" / bdf / "driver_override");
  return text == "(null)" ? std::string() : text;
}

}  // namespace holdfast::agent
