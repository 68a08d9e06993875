// How are the devices of the harness's own machine shown?
#include "lab/passthrough/local_listing.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

using Json = nlohmann::ordered_json;

std::string_view to_string(Obstacle::Kind kind) {
  switch (kind) {
    case Obstacle::Kind::kNoIommu:
      return "no-iommu";
    case Obstacle::Kind::kBridge:
      return "bridge";
    case Obstacle::Kind::kSystemDisk:
      return "system-disk";
    case Obstacle::Kind::kInUse:
      return "in-use";
    case Obstacle::Kind::kOpen:
      return "open";
    case Obstacle::Kind::kFirmware:
      return "firmware";
  }
  return {};
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string model(const LocalDevice& device) {
  const std::string ids = fmt::format("{:04x}:{:04x}", device.vendor, device.device);
  return join_words({ids, device.device_name.empty() ? device.vendor_name : device.device_name});
}

std::string sriov(const LocalDevice& device) {
  if (!device.physical_function.empty()) return "of " + device.physical_function;
  return device.total_vfs > 0 ? fmt::format("{}/{}", device.num_vfs, device.total_vfs) : "-";
}

Json obstacles_of(const Verdict& verdict) {
  Json array = Json::array();
  for (const Obstacle& one : verdict.obstacles) {
    array.push_back({{"kind", to_string(one.kind)},
                     {"bdf", one.bdf},
                     {"what", one.what},
                     {"mend", one.mend},
                     {"yields_to_force", one.yields_to_force()}});
  }
  return array;
}

Json to_json(const LocalDevice& device, const Verdict& verdict) {
  return {{"bdf", device.bdf},
          {"vendor", fmt::format("{:04x}", device.vendor)},
          {"device", fmt::format("{:04x}", device.device)},
          {"class", fmt::format("{:06x}", device.class_code)},
          {"vendor_name", device.vendor_name},
          {"device_name", device.device_name},
          {"class_name", device.class_name},
          {"driver", device.driver},
          {"ports", device.ports},
          {"iommu_group", device.iommu_group},
          {"group_members", device.group_members},
          {"reset_methods", device.reset_methods},
          {"total_vfs", device.total_vfs},
          {"num_vfs", device.num_vfs},
          {"physical_function", device.physical_function},
          {"virtual_functions", device.virtual_functions},
          {"numa_node", device.numa_node},
          {"can_pass", verdict.ok()},
          {"can_pass_by_force", verdict.ok(true)},
          {"obstacles", obstacles_of(verdict)},
          {"notes", verdict.notes}};
}

}  // namespace

Listing list_local_devices(const LocalMachine& machine) {
  Listing listing{.rows = {{"BDF", "CLASS", "MODEL", "DRIVER", "GROUP", "RESET", "VFS", "NUMA", "PASSTHROUGH"}},
                  .json = {}};
  Json array = Json::array();
  for (const LocalDevice& device : machine.devices) {
    const Verdict verdict = can_pass(machine, device);
    listing.rows.push_back({device.bdf, device.class_name, model(device), or_dash(device.driver),
                            device.iommu_group < 0 ? "-" : std::to_string(device.iommu_group),
                            or_dash(join(device.reset_methods, " ")), sriov(device),
                            device.numa_node < 0 ? "-" : std::to_string(device.numa_node), verdict.summary()});
    array.push_back(to_json(device, verdict));
  }
  listing.json = array.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return listing;
}

}  // namespace holdfast::lab
