// Who looks after devices of this machine during a run?
#include "lab/passthrough/passthrough_custody.h"

#include <fmt/format.h>

#include <optional>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

class PassthroughCustody : public Custody {
 public:
  PassthroughCustody(PassthroughVm vm, const TakingPlace& place, std::function<void(const std::string&)> tell,
                     Stop lost)
      : vm_(std::move(vm)), place_(place), tell_(std::move(tell)), lost_(std::move(lost)) {}

  Result<void> take(const Deadline& deadline) override {
    // A killed harness may have left a device with a driver that it had taken: whose it is, is seen after that.
    TRY(restore_leftovers(place_, deadline));
    const auto placed = TRY(place_devices(vm_, TRY(look_at_machine(place_.root))));
    bdfs_.resize(placed.size());
    for (const PlacedDevice& one : placed) bdfs_[one.index] = one.host_bdf;
    taken_.emplace(TRY(Taken::take(bdfs_, vm_.force, place_, deadline)));
    return {};
  }
  Result<void> make_ready(const Deadline& deadline) override {
    return taken_ ? taken_->settle(deadline) : harness_error("custody", "the devices were not taken");
  }
  Result<void> give_back(const Deadline& deadline) override {
    if (!taken_) return {};
    const GivenBack back = TRY(taken_->give_back(deadline));
    taken_.reset();
    if (!back.changes.empty() && tell_) tell_(format_diff(back.changes));
    return {};
  }
  std::vector<std::string> case_argv() const override { return {std::string(kPassedFlag), join(bdfs_, ",")}; }
  const Stop& lost() const override { return lost_; }

 private:
  const PassthroughVm vm_;
  const TakingPlace place_;
  const std::function<void(const std::string&)> tell_;
  const Stop lost_;
  std::vector<std::string> bdfs_;  ///< in the order of the inventory
  std::optional<Taken> taken_;
};

}  // namespace

Result<std::unique_ptr<Custody>> make_passthrough_custody(const PassthroughVm& vm, const TakingPlace& place,
                                                          std::function<void(const std::string& diff)> tell) {
  return std::unique_ptr<Custody>(
      std::make_unique<PassthroughCustody>(vm, place, std::move(tell), TRY(Stop::create())));
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
