// How does the harness take devices from its own machine, so that every way out gives them back?
//
// A lock keeps harnesses apart while they change anything. Taking: first what dead owners left is undone, then it is
// judged, the rights are checked, the record is written and synced, and only then the first change is made. Giving back
// goes the same way in reverse, and removes the record last. Whoever is killed in between leaves a record from which
// the next one goes on: each step looks at what is, not at what was done.
#include "lab/passthrough/taken.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// How long the destructor waits for the kernel.
constexpr Millis kLastChance{30'000};

Result<FileLock> lock(const fs::path& folder, const Deadline& deadline) {
  TRY(make_dirs(folder));
  while (true) {
    if (auto taken = TRY(FileLock::try_take(folder / "lock"))) return *std::move(taken);
    if (const Wake wake = wait_until(deadline.at_most(Millis(100))); deadline.expired() || wake == Wake::kStopped) {
      return wait_error(wake, "another harness that takes or gives back devices of this machine");
    }
  }
}

Result<std::string> config_text(const std::string& bdf, const fs::path& root) {
  const PciAddress address = TRY(PciAddress::parse(bdf));
  return TRY(PciSnapshot::of_this_machine({address}, root / "sys/bus/pci")).to_lspci_text();
}

/// Config space then and now.
Result<std::vector<PciChange>> compare_config(const Taking& taking, const fs::path& root) {
  std::string before;
  std::string after;
  for (const TakenFunction& function : taking.functions) {
    before += function.config;
    after += TRY(config_text(function.bdf, root));
  }
  // Both as a text tells it: with no word of drivers and groups.
  return compare(TRY(PciSnapshot::parse(before)), TRY(PciSnapshot::parse(after)),
                 {.reset = {}, .ignore_drivers = true});
}

std::vector<std::string> names_of(const Taking& taking) {
  std::vector<std::string> names;
  for (const TakenFunction& function : taking.functions) names.push_back(function.bdf);
  return names;
}

/// Under the lock.
Result<GivenBack> undo(const Taking& taking, const TakingPlace& place, const Deadline& deadline) {
  Binding binding(place.writer, place.root);
  Result<void> first;
  for (auto function = taking.functions.rbegin(); function != taking.functions.rend(); ++function) {
    auto done = binding.back(*function, deadline);
    if (!done && first) first = std::move(done);
  }
  TRY_IN(fmt::format("giving back what {} says", taking.file.string()), std::move(first));
  GivenBack back{.functions = names_of(taking), .changes = TRY(compare_config(taking, place.root))};
  std::error_code failed;
  fs::remove(taking.file, failed);
  if (failed) return system_error(fmt::format("remove {}", taking.file.string()), failed.value());
  return back;
}

/// Under the lock.
Result<GivenBack> undo_leftovers(const TakingPlace& place, const Deadline& deadline) {
  GivenBack all;
  Result<void> first;
  for (const Taking& taking : TRY(read_takings(place.folder))) {
    if (before_restart(taking.owner, place.self)) {
      std::error_code ignored;  // it is looked at again next time
      fs::remove(taking.file, ignored);
      continue;
    }
    if (!is_left_over(taking, place.self)) continue;
    auto back = undo(taking, place, deadline);
    if (!back) {
      if (first) first = std::move(back).error();
      continue;
    }
    all.functions.insert(all.functions.end(), back->functions.begin(), back->functions.end());
    all.changes.insert(all.changes.end(), back->changes.begin(), back->changes.end());
  }
  TRY(std::move(first));
  return all;
}

/// Everything that has to be taken, judged.
Result<std::vector<std::string>> judge(const std::vector<std::string>& bdfs, bool force, const fs::path& root) {
  const LocalMachine machine = TRY(look_at_machine(root));
  std::set<std::string> all;
  for (const std::string& bdf : bdfs) {
    const LocalDevice* device = machine.find(bdf);
    if (device == nullptr) {
      return usage_error(fmt::format("this machine has no PCI function {}", bdf))
          .because("`lspci -D` shows all that there are");
    }
    const Verdict verdict = can_pass(machine, *device);
    if (!verdict.ok(force)) return refusal(bdf, verdict, force);
    const auto with = taken_with(machine, *device);
    all.insert(with.begin(), with.end());
  }
  return std::vector<std::string>(all.begin(), all.end());
}

Result<void> check_nobody_has(const std::vector<std::string>& functions, const TakingPlace& place) {
  for (const Taking& other : TRY(read_takings(place.folder))) {
    for (const std::string& bdf : names_of(other)) {
      if (std::ranges::find(functions, bdf) == functions.end()) continue;
      return lab_error("leased", fmt::format("{} is taken by {} (pid {})", bdf, other.owner.name(), other.owner.pid))
          .because(fmt::format("{} says so", other.file.string()));
    }
  }
  return {};
}

Result<Taking> record(const std::vector<std::string>& functions, const TakingPlace& place) {
  Taking taking{.file = place.folder / fmt::format("{}-{}.json", place.self.pid, random_hex(4)),
                .owner = place.self,
                .functions = {}};
  const Binding binding(place.writer, place.root);
  for (const std::string& bdf : functions) {
    TakenFunction before = binding.look(bdf);
    TRY(binding.check_rights(before));
    before.config = TRY(config_text(bdf, place.root));
    taking.functions.push_back(std::move(before));
  }
  TRY(write_taking(taking));
  return taking;
}

/// QEMU opens the group's file; root may, others only where a rule says so.
Result<void> check_open(const Taking& taking, const TakingPlace& place) {
  for (const std::string& bdf : names_of(taking)) {
    const fs::path link = place.root / "sys/bus/pci/devices" / bdf / "iommu_group";
    const fs::path file = place.root / "dev/vfio" / link_name(link);
    if (place.writer.may_write(file)) continue;
    return lab_error("rights",
                     fmt::format("{} is bound to vfio-pci, but there is no right to write {}", bdf, file.string()))
        .because("a udev rule gives it: SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"");
  }
  return {};
}

Result<void> change(const Taking& taking, const TakingPlace& place, const Deadline& deadline) {
  Binding binding(place.writer, place.root);
  for (const TakenFunction& function : taking.functions) TRY(binding.to_vfio(function, deadline));
  return check_open(taking, place);
}

}  // namespace

Error refusal(const std::string& bdf, const Verdict& verdict, bool force) {
  std::vector<std::string> reasons;
  std::vector<std::string> mends;
  bool yields = true;
  for (const Obstacle& one : verdict.obstacles) {
    if (force && one.yields_to_force()) continue;
    reasons.push_back(one.what);
    if (!one.mend.empty()) mends.push_back(one.mend);
    yields = yields && one.yields_to_force();
  }
  if (yields) mends.emplace_back("--force takes it all the same");
  return cannot(fmt::format("{} cannot be passed through: {}", bdf, join(reasons, "; "))).because(join(mends, "; "));
}

Result<void> check_driver(const TakingPlace& place) {
  std::error_code ignored;
  if (!fs::exists(place.root / "sys/bus/pci/drivers/vfio-pci", ignored)) {
    return lab_error("missing-driver", "this machine's kernel has no driver vfio-pci")
        .because("sudo modprobe vfio-pci");
  }
  return {};
}

std::vector<std::string> to_lines(const GivenBack& back) {
  std::vector<std::string> lines;
  for (const std::string& bdf : back.functions) lines.push_back(fmt::format("{} was given back", bdf));
  for (const PciChange& change : forbidden(back.changes))
    lines.push_back(fmt::format("not as it was: {}", change.describe()));
  return lines;
}

struct Taken::State {
  TakingPlace place;
  Taking taking;
};

Taken::Taken(std::unique_ptr<State> state) : state_(std::move(state)) {}
Taken::Taken(Taken&&) noexcept = default;
Taken& Taken::operator=(Taken&& other) noexcept {
  if (this != &other) {
    const Taken old(std::move(state_));
    state_ = std::move(other.state_);
  }
  return *this;
}

Taken::~Taken() {
  if (!state_) return;
  const auto ignored = give_back(Deadline::after(kLastChance));  // the record tells the next one
  static_cast<void>(ignored.ok());
}

Result<Taken> Taken::take(const std::vector<std::string>& bdfs, bool force, const TakingPlace& place,
                          const Deadline& deadline) {
  const FileLock held = TRY(lock(place.folder, deadline));
  auto leftovers = undo_leftovers(place, deadline);
  const auto functions = judge(bdfs, force, place.root);
  // What could not be given back counts only when it is in the way.
  if (!functions && !leftovers) return std::move(leftovers).error();
  if (!functions) return functions.error();
  TRY(check_nobody_has(*functions, place));
  TRY(check_driver(place));
  Taking taking = TRY(record(*functions, place));
  if (auto changed = change(taking, place, deadline); !changed) {
    const auto undone = undo(taking, place, deadline.at_most(kLastChance));
    if (!undone) changed.error().what += fmt::format("; and then, undoing it: {}", undone.error().what);
    return std::move(changed).error();
  }
  return Taken(std::make_unique<State>(State{.place = place, .taking = std::move(taking)}));
}

std::vector<std::string> Taken::functions() const {
  return state_ ? names_of(state_->taking) : std::vector<std::string>();
}

Result<GivenBack> Taken::give_back(const Deadline& deadline) {
  if (!state_) return GivenBack{};
  const FileLock held = TRY(lock(state_->place.folder, deadline));
  GivenBack back = TRY(undo(state_->taking, state_->place, deadline));
  state_.reset();
  return back;
}

Result<void> Taken::settle(const Deadline& deadline) {
  if (!state_) return {};
  const auto& [place, taking] = *state_;
  const LocalMachine machine = TRY(look_at_machine(place.root));
  for (const std::string& bdf : names_of(taking)) {
    const LocalDevice* device = machine.find(bdf);
    if (device == nullptr) return lab_error("passthrough", fmt::format("{} is not there any more", bdf));
    if (device->driver != "vfio-pci") {
      return lab_error("passthrough",
                       fmt::format("{} was taken from vfio-pci: its driver is '{}'", bdf, device->driver));
    }
    if (const auto holder = machine.vfio_holders.find(bdf); holder != machine.vfio_holders.end()) {
      return lab_error("passthrough", fmt::format("{} is still in use: {}", bdf, holder->second.front().describe()));
    }
    const fs::path reset = place.root / "sys/bus/pci/devices" / bdf / "reset";
    if (device->reset_methods.empty() || !place.writer.may_write(reset)) continue;
    TRY_IN(fmt::format("reset {}", bdf), place.writer.write(reset, "1", deadline));
  }
  return {};
}

Result<std::vector<PciChange>> Taken::changes() const {
  if (!state_) return std::vector<PciChange>();
  return compare_config(state_->taking, state_->place.root);
}

Result<GivenBack> restore_leftovers(const TakingPlace& place, const Deadline& deadline) {
  const FileLock held = TRY(lock(place.folder, deadline));
  return undo_leftovers(place, deadline);
}

}  // namespace holdfast::lab
