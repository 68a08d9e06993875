// What is there to choose from: cases, targets, devices?
#include "harness/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "harness/base/text.h"
#include "harness/kernel/kernel_verbs.h"

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

std::string wanted_devices(const DeviceNeed& need) {
  const std::string traits = need.traits.empty() ? "" : fmt::format(" with {}", join(need.traits, ", "));
  switch (need.pick) {
    case DeviceNeed::Pick::kNone:
      return "-";
    case DeviceNeed::Pick::kOne:
      return fmt::format("{}{}", need.count, traits);
    case DeviceNeed::Pick::kEvery:
      return "each" + traits;
  }
  return {};
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

Listing list_cases(const std::vector<CaseInfo>& cases) {
  Listing listing{.rows = {{"CASE", "LEVEL", "DEVICES", "PROMISE"}}, .json = {}};
  Json array = Json::array();
  for (const CaseInfo& info : cases) {
    const Needs& needs = info.needs;
    listing.rows.push_back(
        {info.full_name(), std::string(to_string(needs.level)), wanted_devices(needs.devices), info.promise});
    array.push_back({{"name", info.full_name()},
                     {"level", to_string(needs.level)},
                     {"devices", wanted_devices(needs.devices)},
                     {"device_traits", needs.devices.traits},
                     {"target_traits", needs.target_traits},
                     {"other_kernel", needs.other_kernel ? needs.other_kernel->name : ""},
                     {"timeout_s", needs.timeout.count()},
                     {"promise", info.promise}});
  }
  listing.json = dump(array);
  return listing;
}

Listing list_targets(const std::vector<TargetProfile>& targets) {
  Listing listing{.rows = {{"TARGET", "DEVICES", "TRAITS"}}, .json = {}};
  Json array = Json::array();
  for (const TargetProfile& target : targets) {
    std::vector<std::string> roles;
    for (const Device& device : target.devices) roles.push_back(device.role);
    listing.rows.push_back({target.name, join(roles, " "), join(target.traits, " ")});
    array.push_back({{"name", target.name}, {"devices", roles}, {"traits", target.traits}});
  }
  listing.json = dump(array);
  return listing;
}

Listing list_devices(const std::vector<TargetProfile>& targets) {
  Listing listing{.rows = {{"TARGET", "ROLE", "BDF", "MODEL", "TOPOLOGY", "TRAITS"}}, .json = {}};
  Json array = Json::array();
  for (const TargetProfile& target : targets) {
    for (const Device& device : target.devices) {
      listing.rows.push_back({target.name, device.role, device.bdf, device.model,
                              device.topology.empty() ? "-" : device.topology, join(device.traits, " ")});
      array.push_back({{"target", target.name},
                       {"role", device.role},
                       {"bdf", device.bdf},
                       {"model", device.model},
                       {"topology", device.topology},
                       {"traits", device.traits}});
    }
  }
  listing.json = dump(array);
  return listing;
}

Listing list_kernels(const std::vector<StoredKernel>& kernels) {
  Listing listing{.rows = {{"KERNEL", "RELEASE", "SERIES", "SOURCE", "BUILT"}}, .json = kernel::to_json(kernels)};
  for (const StoredKernel& one : kernels) {
    const std::string name = one.names.empty() ? one.key.substr(0, 12) : join(one.names, ",");
    listing.rows.push_back({name, one.release, one.series.empty() ? "-" : one.series, one.source, one.built_at});
  }
  return listing;
}

Listing list_plan(const Plan& plan) {
  Listing listing{.rows = {{"TARGET", "CASE", "PLAN"}}, .json = {}};
  Json array = Json::array();
  for (const PlannedCase& planned : plan.cases) {
    const bool runs = planned.skip_reason.empty();
    listing.rows.push_back({planned.target, planned.id.key(), runs ? "run" : "skip: " + planned.skip_reason});
    array.push_back({{"target", planned.target}, {"case", planned.id.key()}, {"skip", planned.skip_reason}});
  }
  listing.json = dump(array);
  return listing;
}

std::vector<std::string> names_in(const Listing& listing) {
  std::vector<std::string> names;
  if (listing.rows.empty()) return names;
  // Devices are named by role; a target may have none of them.
  const auto& heading = listing.rows.front();
  const auto role = std::ranges::find(heading, "ROLE");
  const auto column = role == heading.end() ? 0 : role - heading.begin();
  for (auto row = listing.rows.begin() + 1; row != listing.rows.end(); ++row) {
    for (const std::string_view name : split((*row)[static_cast<size_t>(column)], ',')) {
      if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
    }
  }
  return names;
}

std::string rows_as_json(const std::vector<std::vector<std::string>>& rows) {
  Json array = Json::array();
  for (size_t i = 1; i < rows.size(); ++i) {
    Json object = Json::object();
    for (size_t column = 0; column < std::min(rows[i].size(), rows.front().size()); ++column) {
      std::string name = rows.front()[column];
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      object[name] = printable(rows[i][column]);
    }
    array.push_back(std::move(object));
  }
  return dump(array);
}

}  // namespace holdfast
