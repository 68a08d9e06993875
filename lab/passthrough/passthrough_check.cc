// What does a virtual machine with devices of this one need of this machine?
#include "lab/passthrough/passthrough_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "lab/qemu/qemu_target.h"
#include "lab/qemu/vfio_argv.h"

namespace holdfast::lab {
namespace {

using State = Finding::State;

/// Good where nothing is wrong.
Finding finding_of(const std::string& about, const std::string& good, const Result<void>& result) {
  if (result) return {State::kGood, about, good, ""};
  return {State::kMissing, about, result.error().what, result.error().hint};
}

Finding check_device(const PlacedDevice& placed, const LocalMachine& machine, bool force) {
  const std::string about = fmt::format("device {}", placed.declared.role);
  const LocalDevice* device = machine.find(placed.host_bdf);
  if (device == nullptr) return {State::kMissing, about, fmt::format("{} is not there", placed.host_bdf), ""};
  const Verdict verdict = can_pass(machine, *device);
  if (!verdict.ok(force)) {
    const Error error = refusal(placed.host_bdf, verdict, force);
    return {State::kMissing, about, error.what, error.hint};
  }
  std::vector<std::string> words{
      fmt::format("{} can be passed through, as {} of the guest", placed.host_bdf, placed.guest_bdf)};
  words.insert(words.end(), verdict.notes.begin(), verdict.notes.end());
  return {device->reset_methods.empty() ? State::kLimits : State::kGood, about, join(words, "; "), ""};
}

/// All that is taken with the devices.
Result<void> check_rights(const std::vector<PlacedDevice>& devices, const LocalMachine& machine,
                          const TakingPlace& place) {
  const Binding binding(place.writer, place.root);
  for (const PlacedDevice& one : devices) {
    const LocalDevice* device = machine.find(one.host_bdf);
    if (device == nullptr) continue;
    for (const std::string& bdf : taken_with(machine, *device)) TRY(binding.check_rights(binding.look(bdf)));
  }
  return {};
}

Result<void> check_way(const TakingPlace& place, const Deadline& deadline) {
  TRY(choose_vfio_way(TRY(vfio_properties(QemuConfig{}.binary, deadline)), place.root));
  return {};
}

}  // namespace

Result<std::vector<Finding>> check_passthrough(const VirtualMachine& vm, const TakingPlace& place,
                                               const Deadline& deadline) {
  const LocalMachine machine = TRY(look_at_machine(place.root));
  std::vector<Finding> findings;
  const auto placed = place_devices(vm.passed, machine);
  if (placed) {
    for (const PlacedDevice& one : *placed) findings.push_back(check_device(one, machine, vm.passed.force));
    findings.push_back(finding_of("rights", "drivers can be changed", check_rights(*placed, machine, place)));
  } else {
    findings.push_back(finding_of("devices", "", placed.error()));
  }
  findings.push_back(finding_of("vfio-pci", "this machine's kernel has it", check_driver(place)));
  findings.push_back(finding_of("vfio", "QEMU and this machine's kernel go together", check_way(place, deadline)));
  if (vm.passed.hugepage_mib > 0) {
    const auto memory = memory_arguments(vm.memory_mib, vm.passed.hugepage_mib, place.root);
    findings.push_back(
        finding_of("huge pages", "there are enough", memory ? Result<void>() : Result<void>(memory.error())));
  }
  findings.push_back({State::kLimits, "snapshot", std::string(kNoSnapshot), ""});
  return findings;
}

}  // namespace holdfast::lab
