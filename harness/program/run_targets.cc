// Which machines does a run use, and with which kernels?
#include "harness/program/run_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/scenario.h"

namespace holdfast {
namespace {

Result<FoundKernels> find_kernels(const KernelOptions& chosen, const OtherKernels& others, const Deadline& deadline) {
  Kernels images = TRY(resolve_kernels(chosen, deadline));
  auto for_plan = std::make_shared<const PlanKernels>(images.a, images.b, others);
  return FoundKernels{chosen, std::make_shared<const Kernels>(std::move(images)), std::move(for_plan)};
}

}  // namespace

Result<std::vector<RunTarget>> targets_of(std::vector<Machine> machines, const RunOptions& options,
                                          const OtherKernels& others, const Deadline& deadline) {
  std::vector<RunTarget> targets;
  std::vector<FoundKernels> found;
  for (Machine& machine : machines) {
    const KernelOptions chosen = kernels_for(machine, options.kernels);
    auto known = std::ranges::find(found, chosen, &FoundKernels::chosen);
    if (known == found.end()) {
      found.push_back(TRY_IN(machine.profile.name, find_kernels(chosen, others, deadline)));
      known = std::prev(found.end());
    }
    machine.profile.kernels = known->for_plan;
    targets.push_back({.machine = std::move(machine), .kernels = *known});
  }
  return targets;
}

std::vector<CaseInfo> with_soak(std::vector<CaseInfo> cases, int soak) {
  for (CaseInfo& one : cases) {
    if (one.suite == "Soak" && soak > kUsualSoak) one.needs.timeout *= soak / kUsualSoak + 1;
  }
  return cases;
}

std::vector<Machine> machines_of(const std::vector<RunTarget>& targets) {
  std::vector<Machine> machines;
  for (const RunTarget& target : targets) machines.push_back(target.machine);
  return machines;
}

std::string kernels_of(const RunTarget& target) {
  const Kernels& kernels = *target.kernels.images;
  return fmt::format("{}..{}", kernels.a.release, kernels.b.release);
}

Properties kernel_properties(const std::vector<RunTarget>& targets) {
  const Kernels& kernels = *targets.front().kernels.images;
  return {{"kernel.build_id", kernels.a.build_id}, {"next_kernel.build_id", kernels.b.build_id}};
}

}  // namespace holdfast
