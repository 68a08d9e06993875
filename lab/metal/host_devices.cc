// Where on a host are the devices that the inventory declares?
#include "lab/metal/host_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/text.h"
#include "lab/metal/own_system.h"

namespace holdfast::lab {
namespace {

/// "8086:10d3" by BDF.
using Functions = std::map<std::string, std::string>;

std::string ids_text(uint64_t vendor, uint64_t id) { return fmt::format("{:04x}:{:04x}", vendor, id); }

Functions parse(std::string_view listing) {
  Functions functions;
  for (const auto line : split(listing, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() != 3) continue;
    const auto vendor = parse_u64(words[1], 16);
    const auto id = parse_u64(words[2], 16);
    if (vendor && id) functions[std::string(words[0])] = ids_text(*vendor, *id);
  }
  return functions;
}

/// Takes what it finds out of `there`.
void find_by_address(LocatedDevice& device, Functions& there) {
  const std::string& bdf = device.declared.device.bdf;
  const auto found = there.find(bdf);
  if (found == there.end()) {
    device.trouble = fmt::format("nothing is at {}", bdf);
    return;
  }
  device.ids = found->second;
  there.erase(found);
  const std::string wanted = ids_text(device.declared.vendor, device.declared.id);
  if (device.declared.vendor != 0 && device.ids != wanted) {
    device.trouble = fmt::format("at {} is {}, not {}", bdf, device.ids, wanted);
  } else {
    device.bdf = bdf;
  }
}

/// All devices that are named by these ids alone.
void find_by_ids(const std::vector<LocatedDevice*>& devices, const std::string& ids, const Functions& there) {
  std::vector<std::string> found;
  for (const auto& [bdf, has] : there) {
    if (has == ids) found.push_back(bdf);
  }
  for (size_t i = 0; i < devices.size(); ++i) {
    LocatedDevice& device = *devices[i];
    device.ids = ids;
    if (found.size() > devices.size()) {
      device.trouble = fmt::format("{} devices are {} ({}): name the one that is meant by its bdf", found.size(), ids,
                                   join(found, ", "));
    } else if (i < found.size()) {
      device.bdf = found[i];
    } else {
      device.trouble = fmt::format("no device {} is there", ids);
    }
  }
}

}  // namespace

std::vector<LocatedDevice> locate(const std::vector<HostDevice>& devices, std::string_view listing) {
  Functions there = parse(listing);
  std::vector<LocatedDevice> located;
  for (const HostDevice& device : devices) located.push_back({.declared = device, .bdf = {}, .ids = {}, .trouble = {}});
  std::map<std::string, std::vector<LocatedDevice*>> by_ids;
  for (LocatedDevice& device : located) {
    if (device.declared.device.bdf.empty()) {
      by_ids[ids_text(device.declared.vendor, device.declared.id)].push_back(&device);
    } else {
      find_by_address(device, there);
    }
  }
  for (const auto& [ids, some] : by_ids) find_by_ids(some, ids, there);
  return located;
}

Result<void> fill_addresses(std::vector<Device>& devices, const Host& host, const std::filesystem::path& runtime_dir,
                            const Deadline& deadline) {
  if (std::ranges::none_of(devices, [](const Device& device) { return device.bdf.empty(); })) return {};
  SystemConnection own = TRY(await_own_system(host.ssh, runtime_dir, deadline));
  const auto located = locate(host.devices, TRY(own.ssh.ask({"sh", "-c", kListDevices}, deadline)));
  for (Device& device : devices) {
    const auto found = std::ranges::find_if(
        located, [&](const LocatedDevice& one) { return one.declared.device.role == device.role; });
    if (found == located.end()) continue;
    if (!found->trouble.empty()) {
      return lab_error("no-device", fmt::format("{}: device '{}': {}", host.name, device.role, found->trouble))
          .because(fmt::format("seat the device, or mend the inventory at {}", found->declared.declared_at));
    }
    device.bdf = found->bdf;
  }
  return {};
}

}  // namespace holdfast::lab
