// How are the cases of a plan packed into tasks, and what does each task ask for?
#include "lab/slurm/packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "harness/base/text.h"
#include "harness/capacity.h"

namespace holdfast::lab::slurm {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

/// Of what a task does before its first case and behind its last: looking at kernels, a first boot.
constexpr minutes kAround{10};
/// A host is brought to health and back, rung by rung, which may take an hour (harness/run.cc).
constexpr minutes kAroundHost{130};
/// How much longer than last time a task may take, before it is taken for one that never ends.
constexpr int kPatience = 3;
/// The controller of a host does little beside waiting; its console, keys and kernels fit in this.
constexpr int kControllerMib = 512;

milliseconds unknown_of(const Crew& crew) {
  const milliseconds unknown = crew.is_host ? milliseconds(kUnknownHostTime) : milliseconds(kUnknownTime);
  return milliseconds(static_cast<long>(static_cast<double>(unknown.count()) * std::max(1.0, crew.time_scale)));
}

int tasks_for(const Plan& plan, milliseconds expected, const Crew& crew, int wanted) {
  if (crew.is_host) return 1;
  const auto by_time = static_cast<int>(std::min<long>(kMostTasks, expected / milliseconds(kTaskTime) + 1));
  return std::clamp(wanted > 0 ? wanted : by_time, 1, std::clamp(plan.to_run(), 1, kMostTasks));
}

/// There a port leads on to the host, and the node is every computer that has such a port.
bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "localhost" || address == "::1";
}

minutes rounded_up(milliseconds time) { return std::chrono::ceil<minutes>(time); }

}  // namespace

Packing pack(const Plan& plan, const CaseTimes& times, const Crew& crew, int tasks) {
  const milliseconds unknown = unknown_of(crew);
  Packing packing;
  packing.tasks = tasks_for(plan, expected_time(plan, times, unknown), crew, tasks);
  packing.deal = deal_plan(plan, packing.tasks, times,
                           crew.is_host ? std::set(crew.targets.begin(), crew.targets.end()) : std::set<std::string>{});
  milliseconds longest{0};
  for (int task = 0; task < packing.tasks; ++task) {
    longest = std::max(longest, expected_time(part_of(plan, packing.deal, task), times, unknown));
  }
  packing.limit = (crew.is_host ? kAroundHost : kAround) + rounded_up(kPatience * longest);
  return packing;
}

Job job_of(const Crew& crew, const Packing& packing) {
  Job job;
  job.name = "holdfast-" + crew.name;
  job.tasks = packing.tasks;
  job.limit = packing.limit;
  if (crew.is_host) {
    job.cpus = 1;
    job.memory_mib = kControllerMib;
    for (const std::string& host : crew.targets) job.licenses.push_back(license_of(host));
  } else {
    job.cpus = crew.cpus;
    job.memory_mib = crew.memory_mib + kMachineOverheadMib;
  }
  return job;
}

std::string license_of(const std::string& host) {
  std::string name = host;
  // What else a name may have, Slurm reads as its own notation for lists and counts.
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; }, '_');
  return name;
}

Result<void> check_licenses(const std::vector<std::string>& hosts, const std::set<std::string>& known) {
  std::vector<std::string> missing;
  for (const std::string& host : hosts) {
    if (!known.contains(license_of(host))) missing.push_back(license_of(host) + ":1");
  }
  if (missing.empty()) return {};
  return usage_error(fmt::format("the cluster has no licence for {} host{} of the lab: {}", missing.size(),
                                 missing.size() == 1 ? "" : "s", join(missing, ", ")))
      .because(fmt::format("add to `Licenses=` in slurm.conf: {}; then `scontrol reconfigure`", join(missing, ",")));
}

std::vector<std::string> nodes_among(const std::vector<Node>& nodes, const std::set<std::string>& hosts) {
  std::vector<std::string> found;
  for (const Node& node : nodes) {
    const bool is_host = hosts.contains(node.name) || (hosts.contains(node.address) && !is_loopback(node.address));
    if (is_host && std::ranges::find(found, node.name) == found.end()) found.push_back(node.name);
  }
  return found;
}

}  // namespace holdfast::lab::slurm
