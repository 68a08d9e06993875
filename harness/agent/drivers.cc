// How does a device come to vfio-pci, and how does it get its own driver back?
//
// Every write goes through a child process: unbinding blocks for as long as somebody holds the device open or has it
// preserved, and whoever then touches the device waits for its lock.
#include "harness/agent/drivers.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/agent/refusal.h"
#include "harness/agent/sysfs.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kVfioPci = "vfio-pci";

fs::path driver_file(std::string_view driver, const char* file) { return pci_bus() / "drivers" / driver / file; }
fs::path device_file(const std::string& bdf, const char* file) { return pci_bus() / "devices" / bdf / file; }

/// Header type 0: an endpoint, which is what vfio-pci takes. Bridges of the group keep their driver.
/// Source: PCI Express Base Specification 6.0, 7.5.1.1.9: offset 0Eh, bit 7 is "multi-function".
bool is_endpoint(const std::string& bdf) {
  const auto config = open_file(device_file(bdf, "config"), O_RDONLY);
  unsigned char header_type = 0;
  return config && ::pread(config->get(), &header_type, 1, 0x0E) == 1 && (header_type & 0x7F) == 0;
}

/// vfio can do without an IOMMU where the administrator said so. Source: drivers/vfio/vfio_main.c of Linux 7.3.
bool noiommu_allowed() { return read_line("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") == "Y"; }

/// The endpoints that can only be given to vfio together with `bdf`, itself among them.
Result<std::vector<std::string>> endpoints_with(const std::string& bdf) {
  const fs::path device = TRY(pci_device(bdf));
  if (link_name(device / "iommu_group").empty()) {
    if (noiommu_allowed()) return std::vector<std::string>{bdf};
    return kernel_refused_because(
        fmt::format("{} has no IOMMU group: ENODEV (no IOMMU is on, or it does not cover this device)", bdf), ENODEV);
  }
  std::vector<std::string> endpoints;
  for (const std::string& name : names_in(device / "iommu_group" / "devices")) {
    if (is_bdf(name) && is_endpoint(name)) endpoints.push_back(name);
  }
  if (std::find(endpoints.begin(), endpoints.end(), bdf) == endpoints.end()) {
    return kernel_refused_because(fmt::format("{} is a bridge, which vfio-pci does not take: EINVAL", bdf), EINVAL);
  }
  return endpoints;
}

wire::DriverBefore look_at(const std::string& bdf) {
  return {.bdf = bdf, .driver = driver_of(bdf), .override_ = driver_override_of(bdf)};
}

}  // namespace

Result<void> Drivers::write(const fs::path& file, const std::string& text, std::string_view attempted,
                            const Deadline& deadline) {
  const auto job = TRY(jobs_.start(file, text));
  const std::optional<int> errnum = TRY(jobs_.wait(job, deadline));
  if (!errnum) {
    return kernel_refused_because(
        fmt::format("{}: EBUSY (the kernel still blocks the write to {})", attempted, file.string()), EBUSY);
  }
  if (*errnum != 0) return kernel_refused(attempted, *errnum);
  return {};
}

Result<void> Drivers::bind_one(const std::string& bdf, const Deadline& deadline) {
  const std::string driver = driver_of(bdf);
  if (driver == kVfioPci) return {};
  TRY(write(device_file(bdf, "driver_override"), std::string(kVfioPci), fmt::format("driver_override of {}", bdf),
            deadline));
  if (!driver.empty()) {
    TRY(write(driver_file(driver, "unbind"), bdf, fmt::format("unbind {} from {}", bdf, driver), deadline));
  }
  TRY(write(pci_bus() / "drivers_probe", bdf, fmt::format("probe {}", bdf), deadline));
  if (driver_of(bdf) == kVfioPci) return {};
  // drivers_probe keeps the driver's answer to itself; bind passes it on.
  TRY(write(driver_file(kVfioPci, "bind"), bdf, fmt::format("bind {} to {}", bdf, kVfioPci), deadline));
  if (driver_of(bdf) == kVfioPci) return {};
  return kernel_refused_because(fmt::format("{} was bound to {}, but is not: ENODEV", bdf, kVfioPci), ENODEV);
}

Result<wire::VfioBindReply> Drivers::bind_vfio(const std::string& bdf, const Deadline& deadline) {
  const auto endpoints = TRY(endpoints_with(bdf));
  std::error_code ignored;
  if (!fs::exists(pci_bus() / "drivers" / kVfioPci, ignored)) {
    return kernel_refused_because("the kernel has no driver vfio-pci: ENODEV", ENODEV);
  }
  wire::VfioBindReply reply;
  for (const std::string& endpoint : endpoints) {
    reply.before.push_back(look_at(endpoint));
    const bool known = std::any_of(changed_.begin(), changed_.end(),
                                   [&](const wire::DriverBefore& old) { return old.bdf == endpoint; });
    if (!known && reply.before.back().driver != kVfioPci) changed_.push_back(reply.before.back());
    auto bound = bind_one(endpoint, deadline);
    if (bound) continue;
    auto restored = restore(reply.before, deadline.at_most(Millis(5000)));
    if (!restored) bound.error().what += fmt::format("; and then, undoing it: {}", restored.error().what);
    return std::move(bound).error();
  }
  return reply;
}

Result<void> Drivers::restore_one(const wire::DriverBefore& before, const Deadline& deadline) {
  TRY(pci_device(before.bdf));
  const std::string& bdf = before.bdf;
  if (before.driver.find('/') != std::string::npos) {
    return bad_request(fmt::format("\"{}\" is no name of a driver", before.driver));
  }
  const std::string now = driver_of(bdf);
  if (!now.empty() && now != before.driver) {
    TRY(write(driver_file(now, "unbind"), bdf, fmt::format("unbind {} from {}", bdf, now), deadline));
  }
  if (driver_override_of(bdf) != before.override_) {
    // A lone newline is how an override is taken back.
    const std::string text = before.override_.empty() ? "\n" : before.override_;
    TRY(write(device_file(bdf, "driver_override"), text, fmt::format("driver_override of {}", bdf), deadline));
  }
  if (!before.driver.empty() && driver_of(bdf) != before.driver) {
    TRY(write(driver_file(before.driver, "bind"), bdf, fmt::format("bind {} to {}", bdf, before.driver), deadline));
  }
  if (driver_of(bdf) != before.driver) {
    return kernel_refused_because(fmt::format("{} was to be given back to \"{}\", but has driver \"{}\": EIO", bdf,
                                              before.driver, driver_of(bdf)),
                                  EIO);
  }
  std::erase_if(changed_, [&](const wire::DriverBefore& old) { return old.bdf == bdf; });
  return {};
}

Result<void> Drivers::restore(const std::vector<wire::DriverBefore>& before, const Deadline& deadline) {
  Result<void> first;
  for (const wire::DriverBefore& one : before) {
    auto restored = restore_one(one, deadline);
    if (!restored && first) first = std::move(restored);
  }
  return first;
}

Result<void> Drivers::restore_all(const Deadline& deadline) {
  const std::vector<wire::DriverBefore> changed = changed_;
  return restore(changed, deadline);
}

}  // namespace holdfast::agent
