// Who looks after the lab's hosts while the program uses them?
#include "harness/program/custodians.h"

#include "harness/base/file.h"
#include "lab/metal/host_custody.h"
#include "lab/metal/host_hands.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// A host's custody records its console into a folder; when there is no run it is nobody's, and goes at the end.
Result<std::unique_ptr<lab::HostCustody>> keep(const lab::Host& host, lab::HostKeeping keeping, EventSink& events) {
  return lab::HostCustody::create(std::move(keeping), TRY(lab::make_host_hands(host, events)), events);
}

/// Nobody wants to hear it.
class Silence : public EventSink {
 public:
  void on(const Event&) override {}
};

}  // namespace

Result<Custodians> custodians_for(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                  const std::filesystem::path& run_dir, EventSink& events) {
  Custodians custodians;
  for (const Machine& machine : machines) {
    if (machine.host == nullptr) continue;
    const lab::Lab lab = TRY(lab::open_lab(inventory.leases));
    lab::HostKeeping keeping{.place = lab.place(machine.host->name), .timing = lab.timing, .run_dir = run_dir};
    custodians[machine.host->name] = TRY_IN(machine.host->name, keep(*machine.host, std::move(keeping), events));
  }
  return custodians;
}

Result<std::vector<Finding>> look_at_host(const lab::Host& host, const lab::Lab& lab, const Deadline& deadline) {
  constexpr Millis kPatience{180'000};
  const auto lease = lab::Lease::take(lab.place(host.name), {.purpose = "holdfast check"}, lab.timing, deadline);
  if (!lease && lease.error().kind == "leased") {
    return std::vector<Finding>{{Finding::State::kLimits, "host", lease.error().what, lease.error().hint}};
  }
  if (!lease) return lease.error();
  const TempDir folder = TRY(TempDir::create("holdfast-check"));
  const fs::path& dir = folder.path();
  Silence nobody;
  return lab::look_at_host(host,
                           {.runtime_dir = dir, .raw = dir / "raw", .lines = dir / "lines", .socket = dir / "socket"},
                           nobody, deadline.at_most(kPatience));
}

Result<void> heal_host(const lab::Host& host, const lab::Lab& lab, EventSink& events, const Deadline& deadline) {
  const TempDir folder = TRY(TempDir::create("holdfast-heal"));
  const auto custody = TRY(keep(host,
                                {.place = lab.place(host.name),
                                 .timing = lab.timing,
                                 .purpose = "holdfast lab release --heal",
                                 .run_dir = folder.path(),
                                 .heals_quarantine = true},
                                events));
  TRY(custody->take(deadline));
  TRY(custody->make_ready(deadline));
  return custody->give_back(deadline);
}

}  // namespace holdfast
