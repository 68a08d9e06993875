// Which PCI functions are there?
#include "harness/agent/pci_list.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "harness/agent/sysfs.h"
#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

template <class T>
T number_in(const fs::path& file) {
  return static_cast<T>(parse_u64(read_line(file), 16).value_or(0));
}

/// "0x... 0x... 0x..." for each of the function's resources, those that it does not have among them.
std::vector<wire::PciResource> resources_of(const fs::path& device) {
  std::vector<wire::PciResource> resources;
  const std::string text = read_line(device / "resource");
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() != 3) continue;
    resources.push_back({.start = parse_u64(fields[0], 16).value_or(0),
                         .end = parse_u64(fields[1], 16).value_or(0),
                         .flags = parse_u64(fields[2], 16).value_or(0)});
  }
  return resources;
}

/// Appends the config space to `blob`: 4096 bytes of an express function, 256 of another, 64 without privilege; nothing
/// when the frame has no room for it. Gives how many bytes it was.
uint32_t append_config(const fs::path& device, wire::Bytes& blob) {
  constexpr size_t kLargest = 4096;
  const auto fd = open_file(device / "config", O_RDONLY);
  if (!fd || blob.size() + kLargest > wire::kMaxBlob) return 0;
  const size_t begin = blob.size();
  blob.resize(begin + kLargest);
  size_t filled = 0;
  while (filled < kLargest) {
    const ssize_t got = ::pread(fd->get(), blob.data() + begin + filled, kLargest - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  blob.resize(begin + filled);
  return static_cast<uint32_t>(filled);
}

wire::PciFunction look_at(const fs::path& device, const std::string& bdf, wire::Bytes& blob) {
  wire::PciFunction function;
  function.bdf = bdf;
  function.path = pci_path(device, bdf);
  function.vendor = number_in<uint16_t>(device / "vendor");
  function.device = number_in<uint16_t>(device / "device");
  function.class_code = number_in<uint32_t>(device / "class");
  function.driver = link_name(device / "driver");
  const auto group = parse_u64(link_name(device / "iommu_group"));
  function.iommu_group = group ? static_cast<int>(*group) : -1;
  const std::string methods = read_line(device / "reset_method");
  for (const std::string_view method : split(methods, ' ')) {
    if (!method.empty()) function.reset_methods.emplace_back(method);
  }
  function.resources = resources_of(device);
  function.config_size = append_config(device, blob);
  return function;
}

}  // namespace

Result<wire::PciListReply> list_pci(const fs::path& devices) {
  std::error_code failed;
  if (!fs::is_directory(devices, failed)) return system_error(fmt::format("read folder {}", devices.string()), ENOENT);
  wire::PciListReply reply;
  for (const std::string& name : names_in(devices)) {
    if (is_bdf(name)) reply.functions.push_back(look_at(devices / name, name, reply.blob));
  }
  return reply;
}

}  // namespace holdfast::agent
