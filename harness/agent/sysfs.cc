// What does sysfs say about a PCI device?
#include "harness/agent/sysfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/agent/refusal.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace fs = std::filesystem;

const fs::path& pci_bus() {
  static const fs::path path = "/sys/bus/pci";
  return path;
}

bool is_bdf(std::string_view text) {
  // Domains of more than four digits exist behind Intel's VMD.
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 4 || colon > 8 || text.size() != colon + 8) return false;
  constexpr std::string_view kHex = "0123456789abcdef";
  const std::string_view rest = text.substr(colon);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = i == colon || i == colon + 3 || i == colon + 6;
    if (!separator && kHex.find(text[i]) == std::string_view::npos) return false;
  }
  return rest[3] == ':' && rest[6] == '.';
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

std::string read_line(const fs::path& file) {
  const auto text = read_file(file, size_t{1} << 20);
  return text ? std::string(trim(*text)) : std::string();
}

std::string link_name(const fs::path& link) {
  std::error_code failed;
  const fs::path to = fs::read_symlink(link, failed);
  return failed ? std::string() : to.filename().string();
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> addresses_in(const fs::path& place) {
  std::vector<std::string> addresses;
  for (const fs::path& part : place) {
    if (is_bdf(part.string())) addresses.push_back(part.string());
  }
  return addresses;
}

std::string pci_path(const fs::path& device, const std::string& bdf) {
  std::error_code failed;
  const auto ports = addresses_in(fs::canonical(device, failed));
  return failed || ports.empty() ? bdf : join(ports, "/");
}

std::string driver_of(const std::string& bdf) { return link_name(pci_bus() / "devices" / bdf / "driver"); }

std::string driver_override_of(const std::string& bdf) {
  const std::string text = read_line(pci_bus() / "devices" / bdf / "driver_override");
  return text == "(null)" ? std::string() : text;
}

}  // namespace holdfast::agent
