// What will run where, and what cannot, and why?
#include "harness/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast {
namespace {

bool any_pattern_matches(std::string_view patterns, const CaseId& id) {
  const std::string full = fmt::format("{}.{}", id.suite, id.name);
  return std::ranges::any_of(split(patterns, ':'), [&](std::string_view pattern) {
    return !pattern.empty() && (glob_match(pattern, full) || glob_match(pattern, id.key()));
  });
}

struct Filter {
  std::string_view wanted;
  std::string_view unwanted;
};

/// A '-' begins the patterns to leave out. Names have no '-', roles may: only one at the start or behind ':' counts.
Filter parse_filter(std::string_view filter) {
  size_t dash = filter.starts_with('-') ? 0 : filter.find(":-");
  if (dash == std::string_view::npos) return {filter, {}};
  if (dash != 0) ++dash;
  std::string_view wanted = filter.substr(0, dash == 0 ? 0 : dash - 1);
  return {wanted.empty() ? "*" : wanted, filter.substr(dash + 1)};
}

bool has_wildcard(std::string_view pattern) { return pattern.find_first_of("*?") != std::string_view::npos; }

Error no_such(std::string_view kind, std::string_view word, const std::vector<std::string>& known,
              std::string_view list_verb) {
  Error error = usage_error(fmt::format("no {} is called '{}'", kind, word));
  if (const auto close = nearest(word, known)) error.what += fmt::format("; did you mean '{}'?", *close);
  return std::move(error).because(fmt::format("`holdfast list {}` shows them all", list_verb));
}

/// A pattern without wildcards is a name, and a name that does not exist is a mistake.
Result<void> check_filter(const std::string& filter, const std::vector<CaseInfo>& cases) {
  const Filter parsed = parse_filter(filter);
  std::vector<std::string> names;
  for (const CaseInfo& info : cases) names.push_back(info.full_name());
  for (const std::string_view pattern : split(parsed.wanted, ':')) {
    const std::string_view name = pattern.substr(0, pattern.find('/'));
    if (pattern.empty() || has_wildcard(name)) continue;
    if (std::ranges::find(names, name) == names.end()) return no_such("case", name, names, "cases");
  }
  return {};
}

/// Addresses are those of the ordinary machine; another one may have something else there.
bool same_device(const Device& device, std::string_view wanted) {
  if (device.role == wanted) return true;
  if (device.bdf.empty() || !device.topology.empty()) return false;
  return device.bdf == wanted || device.bdf == fmt::format("0000:{}", wanted);
}

Result<void> check_devices(const Selection& selection, const std::vector<TargetProfile>& targets) {
  std::vector<std::string> known;
  for (const TargetProfile& target : targets) {
    for (const Device& device : target.devices) {
      known.push_back(device.role);
      if (!device.bdf.empty()) known.push_back(device.bdf);
    }
  }
  for (const std::string& wanted : selection.devices) {
    const bool there = std::ranges::any_of(targets, [&](const TargetProfile& target) {
      return std::ranges::any_of(target.devices, [&](const Device& d) { return same_device(d, wanted); });
    });
    if (!there) return no_such("device", wanted, known, "devices");
  }
  return {};
}

std::vector<Device> selected_devices(const TargetProfile& target, const Selection& selection) {
  if (selection.devices.empty()) return target.devices;
  std::vector<Device> chosen;
  for (const Device& device : target.devices) {
    if (std::ranges::any_of(selection.devices, [&](const std::string& w) { return same_device(device, w); })) {
      chosen.push_back(device);
    }
  }
  return chosen;
}

/// A spare device is not there at power on: only a case that plugs it in can do with it.
bool fits(const Device& device, const std::vector<std::string>& traits) {
  if (device.has("spare") && std::ranges::find(traits, "hot-plug") == traits.end()) return false;
  return std::ranges::all_of(traits, [&](const std::string& trait) { return device.has(trait); });
}

/// The devices that are in one machine together: the ordinary one first, the others as they are declared.
std::vector<std::vector<Device>> by_machine(const std::vector<Device>& devices) {
  std::vector<std::vector<Device>> machines(1);
  for (const Device& device : devices) {
    const auto same = std::ranges::find_if(machines, [&](const std::vector<Device>& machine) {
      return machine.empty() ? device.topology.empty() : machine.front().topology == device.topology;
    });
    if (same != machines.end()) {
      same->push_back(device);
    } else {
      machines.push_back({device});
    }
  }
  return machines;
}

/// The groups of devices that the case runs with, one run for each; an empty list means that there are too few. All are
/// of the first machine that has enough; but who names devices (`chosen`) means each, in whatever machine it is.
std::vector<std::vector<Device>> device_groups(const DeviceNeed& need, const std::vector<Device>& devices,
                                               bool chosen) {
  if (need.pick == DeviceNeed::Pick::kNone) return {{}};
  const bool all_machines = chosen && need.pick == DeviceNeed::Pick::kEvery;
  std::vector<Device> fit;
  for (const std::vector<Device>& machine : by_machine(devices)) {
    if (!all_machines) fit.clear();
    std::ranges::copy_if(machine, std::back_inserter(fit), [&](const Device& d) { return fits(d, need.traits); });
    if (!all_machines && fit.size() >= need.count) break;
  }
  if (fit.size() < need.count) return {};
  if (need.pick == DeviceNeed::Pick::kOne) return {{fit.begin(), fit.begin() + static_cast<long>(need.count)}};
  std::vector<std::vector<Device>> groups;
  for (const Device& device : fit) groups.push_back({device});
  return groups;
}

std::string too_few_devices(const DeviceNeed& need, const TargetProfile& target, const Selection& selection) {
  const std::string traits = need.traits.empty() ? "" : fmt::format(" with {}", join(need.traits, ", "));
  const std::string among = selection.devices.empty() ? "" : fmt::format(" among {}", join(selection.devices, ", "));
  return fmt::format("target {} has no {} device{}{}{}", target.name, need.count, need.count == 1 ? "" : "s", traits,
                     among);
}

std::string reason_to_skip(const CaseInfo& info, const TargetProfile& target, const PlanKernels& kernels) {
  for (const std::string& trait : info.needs.target_traits) {
    if (std::ranges::find(target.traits, trait) == target.traits.end()) {
      return fmt::format("target {} is not {}", target.name, trait);
    }
  }
  if (auto missing = missing_for(info.needs.level, kernels.a)) return *missing;
  if (auto missing = missing_for(info.needs.level, kernels.b)) return "next kernel: " + *missing;
  if (auto missing = first_missing(info.needs.symbols, kernels.a)) {
    return fmt::format("kernel {} was built without CONFIG_{} ({})", kernels.a.release, missing->symbol,
                       missing->purpose);
  }
  if (const auto& other = info.needs.other_kernel) {
    if (auto missing = missing_for(*other, kernels.others, kernels.a)) return *missing;
  }
  return {};
}

/// The case once for each group of devices; once, skipped, when there are too few.
std::vector<PlannedCase> place(const CaseInfo& info, const TargetProfile& target, const std::vector<Device>& devices,
                               const Selection& selection, std::string skip_reason) {
  auto groups = device_groups(info.needs.devices, devices, !selection.devices.empty());
  if (groups.empty()) {
    if (skip_reason.empty()) skip_reason = too_few_devices(info.needs.devices, target, selection);
    groups.push_back({});
  }
  std::vector<PlannedCase> placed;
  for (auto& group : groups) {
    // A case about one device is named after it; one about several keeps its name whatever they are.
    const std::string role = group.size() == 1 ? group.front().role : "";
    placed.push_back({.target = target.name,
                      .info = &info,
                      .id = {info.suite, info.name, role},
                      .devices = std::move(group),
                      .skip_reason = skip_reason});
  }
  return placed;
}

}  // namespace

int Plan::to_run() const {
  return static_cast<int>(std::ranges::count_if(cases, [](const PlannedCase& c) { return c.skip_reason.empty(); }));
}
int Plan::to_skip() const { return static_cast<int>(cases.size()) - to_run(); }

bool filter_selects(const std::string& filter, const CaseId& id) {
  const Filter parsed = parse_filter(filter);
  return any_pattern_matches(parsed.wanted, id) && !any_pattern_matches(parsed.unwanted, id);
}

bool can_take(const TargetProfile& target, const PlannedCase& planned) {
  const Needs& needs = planned.info->needs;
  const bool traits_there = std::ranges::all_of(needs.target_traits, [&](const std::string& trait) {
    return std::ranges::find(target.traits, trait) != target.traits.end();
  });
  return traits_there && std::ranges::all_of(planned.devices, [&](const Device& device) {
           const auto same = std::ranges::find(target.devices, device.role, &Device::role);
           return same != target.devices.end() && same->topology == device.topology &&
                  fits(*same, needs.devices.traits);
         });
}

std::optional<SymbolNeed> first_missing(const std::vector<SymbolNeed>& symbols, const KernelImage& kernel) {
  if (!kernel.config) return std::nullopt;
  for (const SymbolNeed& need : symbols) {
    const auto found = kernel.config->find("CONFIG_" + need.symbol);
    if (found == kernel.config->end() || found->second == "n") return need;
  }
  return std::nullopt;
}

std::optional<std::string> missing_for(Level level, const KernelImage& kernel) {
  const auto need = first_missing(symbols_for(level), kernel);
  if (!need) return std::nullopt;
  return fmt::format("kernel {} was built without CONFIG_{} ({}), which level {} needs", kernel.release, need->symbol,
                     need->purpose, to_string(level));
}

Result<Plan> make_plan(const std::vector<CaseInfo>& cases, const std::vector<TargetProfile>& targets,
                       const Selection& selection, const PlanKernels& kernels) {
  TRY(check_filter(selection.filter, cases));
  TRY(check_devices(selection, targets));
  Plan plan;
  for (const TargetProfile& target : targets) {
    const auto devices = selected_devices(target, selection);
    for (const CaseInfo& info : cases) {
      for (PlannedCase& planned : place(info, target, devices, selection,
                                        reason_to_skip(info, target, target.kernels ? *target.kernels : kernels))) {
        if (filter_selects(selection.filter, planned.id)) plan.cases.push_back(std::move(planned));
      }
    }
  }
  return plan;
}

}  // namespace holdfast
