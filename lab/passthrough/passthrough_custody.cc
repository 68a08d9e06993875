// Who looks after devices of this machine during a run?
#include "lab/passthrough/passthrough_custody.h"

#include <fmt/format.h>

#include <optional>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

/// Of letting go of the lease.
constexpr Millis kLetGoLimit{10'000};

class PassthroughCustody : public Custody {
 public:
  PassthroughCustody(PassthroughKeeping keeping, EventSink& events, Stop not_taken)
      : keeping_(std::move(keeping)), events_(events), not_taken_(std::move(not_taken)) {}

  Result<void> take(const Deadline& deadline) override {
    const LeaseRequest request{.purpose = "holdfast run", .run_dir = keeping_.run_dir};
    lease_.emplace(TRY(Lease::take(keeping_.lease, request, keeping_.timing, deadline)));
    if (!lease_->taken_over().empty()) warn(lease_->taken_over());
    auto taken = take_devices(deadline);
    if (taken) return taken;
    let_go();
    // A skip has room for one sentence: it is to say what can be done about it, too.
    Error& error = taken.error();
    if (error.blame == Blame::kPlan && !error.hint.empty()) error.what += fmt::format(" ({})", error.hint);
    return taken;
  }
  Result<void> make_ready(const Deadline& deadline) override {
    if (!taken_) return harness_error("custody", fmt::format("the devices of {} were not taken", keeping_.name));
    return taken_->settle(deadline);
  }
  Result<void> give_back(const Deadline& deadline) override {
    if (!taken_) return {};
    const GivenBack back = TRY(taken_->give_back(deadline));
    taken_.reset();
    tell(back);
    let_go();
    return {};
  }
  std::vector<std::string> case_argv() const override { return {std::string(kPassedFlag), join(bdfs_, ",")}; }
  const Stop& lost() const override { return lease_ ? lease_->lost() : not_taken_; }

 private:
  Result<void> take_devices(const Deadline& deadline) {
    // A killed harness may have left a device with a driver that it had taken: whose it is, is seen after that.
    const GivenBack before = TRY(restore_leftovers(keeping_.place, deadline));
    if (!before.functions.empty()) {
      warn(fmt::format("{}, left by a run that was killed, {} given back first", join(before.functions, ", "),
                       before.functions.size() == 1 ? "was" : "were"));
    }
    const LocalMachine machine = TRY(look_at_machine(keeping_.place.root));
    const auto placed = TRY(place_devices(keeping_.vm, machine));
    bdfs_.resize(placed.size());
    for (const PlacedDevice& one : placed) bdfs_[one.index] = one.host_bdf;
    Taken taken = TRY(Taken::take(bdfs_, keeping_.vm.force, keeping_.place, deadline));
    const auto functions = taken.functions();
    taken_.emplace(std::move(taken));
    note(fmt::format("{} {} been taken from this machine{}", join(functions, ", "),
                     functions.size() == 1 ? "has" : "have", without_reset(functions, machine)));
    return {};
  }

  /// What no case finds reset.
  static std::string without_reset(const std::vector<std::string>& functions, const LocalMachine& machine) {
    std::vector<std::string> names;
    for (const std::string& bdf : functions) {
      const LocalDevice* device = machine.find(bdf);
      if (device != nullptr && device->reset_methods.empty()) names.push_back(bdf);
    }
    return names.empty() ? "" : fmt::format("; {} cannot be reset between cases", join(names, ", "));
  }

  void tell(const GivenBack& back) {
    const std::string names = join(back.functions, ", ");
    if (back.changes.empty()) return note(fmt::format("{} given back, with the config space that it had", names));
    const auto folder = keeping_.run_dir / "targets" / keeping_.name;
    const auto file = folder / "given-back.diff";
    auto written = make_dirs(folder);
    if (written) written = write_file(file, format_diff(back.changes));
    const auto bad = forbidden(back.changes);
    const PciChange& first = bad.empty() ? back.changes.front() : bad.front();
    std::string text = fmt::format("{} given back, but config space is not all as before, at {} place{}: {}", names,
                                   back.changes.size(), back.changes.size() == 1 ? "" : "s", first.describe());
    text += written ? fmt::format("; all in {}", file.string()) : fmt::format("; {}", written.error().what);
    bad.empty() ? note(std::move(text)) : warn(std::move(text));
  }

  void let_go() {
    if (!lease_) return;
    if (const auto let = lease_->release(Deadline::after(kLetGoLimit)); !let) warn(let.error().what);
  }
  void note(std::string text) { say(Note::Level::kInfo, std::move(text)); }
  void warn(std::string text) { say(Note::Level::kWarning, std::move(text)); }
  void say(Note::Level level, std::string text) {
    events_.on(Note{level, fmt::format("{}: {}", keeping_.name, std::move(text))});
  }

  const PassthroughKeeping keeping_;
  EventSink& events_;
  const Stop not_taken_;           ///< what lost() is before the lease is taken
  std::vector<std::string> bdfs_;  ///< in the order of the inventory
  std::optional<Lease> lease_;
  std::optional<Taken> taken_;  ///< given back before the lease goes
};

}  // namespace

Result<std::unique_ptr<Custody>> make_passthrough_custody(PassthroughKeeping keeping, EventSink& events) {
  return std::unique_ptr<Custody>(
      std::make_unique<PassthroughCustody>(std::move(keeping), events, TRY(Stop::create())));
}

Result<PassthroughVm> with_passed(PassthroughVm vm, const std::string& passed) {
  const auto words = split(passed, ',');
  if (words.size() != vm.devices.size()) {
    return usage_error(
        fmt::format("{} names {} devices, the inventory {}", kPassedFlag, words.size(), vm.devices.size()));
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string bdf = TRY(PciAddress::parse(words[i])).to_string();
    if (vm.devices[i].role.empty()) vm.devices[i].role = bdf;
    vm.devices[i].passthrough = bdf;
  }
  return vm;
}

}  // namespace holdfast::lab
