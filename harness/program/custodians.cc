// Who looks after the lab's hosts, and devices of this machine, while the program uses them?
#include "harness/program/custodians.h"

#include "harness/base/file.h"
#include "harness/program/program.h"
#include "lab/lease/left_leases.h"
#include "lab/metal/host_custody.h"
#include "lab/metal/host_hands.h"
#include "lab/passthrough/passthrough_custody.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// A host's custody records its console into a folder; when there is no run it is nobody's, and goes at the end.
Result<std::unique_ptr<lab::HostCustody>> keep(const lab::Host& host, lab::HostKeeping keeping, EventSink& events) {
  return lab::HostCustody::create(std::move(keeping), TRY(lab::make_host_hands(host, events)), events);
}

Result<std::unique_ptr<Custody>> keep(const lab::VirtualMachine& vm, const lab::Lab& lab, const fs::path& run_dir,
                                      EventSink& events) {
  return lab::make_passthrough_custody({.name = vm.name,
                                        .vm = vm.passed,
                                        .place = TRY(taking_place()),
                                        .lease = lab.place(TRY(lab::lease_name(vm))),
                                        .timing = lab.timing,
                                        .run_dir = run_dir},
                                       events);
}

/// Nobody wants to hear it.
class Silence : public EventSink {
 public:
  void on(const Event&) override {}
};

}  // namespace

Result<lab::TakingPlace> taking_place() {
  static const auto writer = lab::make_sysfs_writer();
  return lab::TakingPlace{.writer = *writer, .folder = TRY(lab::takings_folder()), .self = TRY(lab::Owner::self())};
}

Result<Custodians> custodians_for(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                  const std::filesystem::path& run_dir, EventSink& events) {
  Custodians custodians;
  for (const Machine& machine : machines) {
    const bool takes_devices = machine.declared != nullptr && machine.declared->takes_devices();
    if (machine.host == nullptr && !takes_devices) continue;
    const lab::Lab lab = TRY(lab::open_lab(inventory.leases));
    if (takes_devices) {
      custodians[machine.declared->name] = TRY(keep(*machine.declared, lab, run_dir, events));
      continue;
    }
    lab::HostKeeping keeping{.place = lab.place(machine.host->name), .timing = lab.timing, .run_dir = run_dir};
    custodians[machine.host->name] = TRY_IN(machine.host->name, keep(*machine.host, std::move(keeping), events));
  }
  return custodians;
}

Result<std::vector<Finding>> look_at_host(const lab::Host& host, const lab::Lab& lab, const Deadline& deadline) {
  constexpr Millis kPatience{180'000};
  const lab::LeasePlace place = lab.place(host.name);
  if (lab::is_left(place, TRY(lab::Owner::self()))) {
    return std::vector<Finding>{
        {Finding::State::kMissing, "host", "held by a process that is gone: a test kernel may still run there",
         "`holdfast check --clean --lab INVENTORY` brings it back, and so does the next run on it"}};
  }
  auto lease = lab::Lease::take(place, {.purpose = "holdfast check"}, lab.timing, deadline);
  if (!lease && lease.error().kind == "leased") {
    return std::vector<Finding>{{Finding::State::kLimits, "host", lease.error().what, lease.error().hint}};
  }
  if (!lease) return lease.error();
  const TempDir folder = TRY(TempDir::create("holdfast-check"));
  const fs::path& dir = folder.path();
  Silence nobody;
  auto findings = lab::look_at_host(
      host, {.runtime_dir = dir, .raw = dir / "raw", .lines = dir / "lines", .socket = dir / "socket"}, nobody,
      agent_path(), deadline.at_most(kPatience));
  // What somebody elsewhere left there is known by the lease alone; a look does not mend it.
  if (!lease->taken_over().empty()) lease->abandon();
  return findings;
}

Result<void> heal_host(const lab::Host& host, const lab::Lab& lab, EventSink& events, const Deadline& deadline,
                       const Healing& healing) {
  const TempDir folder = TRY(TempDir::create("holdfast-heal"));
  const auto custody = TRY(keep(host,
                                {.place = lab.place(host.name),
                                 .timing = lab.timing,
                                 .purpose = healing.purpose,
                                 .run_dir = folder.path(),
                                 .heals_quarantine = healing.ends_quarantine},
                                events));
  TRY(custody->take(deadline));
  TRY(custody->make_ready(deadline));
  return custody->give_back(deadline);
}

}  // namespace holdfast
