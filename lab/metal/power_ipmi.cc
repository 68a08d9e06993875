// How does a BMC switch a host's power?
#include "lab/metal/power_ipmi.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "lab/metal/ipmi.h"

namespace holdfast::lab {
namespace {

class IpmiPower : public HostPower, private Bmc {
 public:
  IpmiPower(const IpmiAccess& bmc, const PowerPace& pace) : HostPower(pace), bmc_(bmc) {}

  Result<void> reset(const Deadline& deadline) override {
    // A BMC may well say yes, and nothing comes of it.
    if (TRY(state(deadline)) == State::kOff) {
      return lab_error("powered-off", fmt::format("{}: the power is off, where a reset does nothing", describe()));
    }
    return patiently<void>(deadline, [&] { return say({"chassis", "power", "reset"}, deadline); });
  }
  std::string describe() const override { return "IPMI at " + name_of(bmc_); }
  Bmc* bmc() override { return this; }

 protected:
  Result<void> tell(State wanted, const Deadline& deadline) override {
    return say({"chassis", "power", wanted == State::kOn ? "on" : "off"}, deadline);
  }
  Result<State> ask(const Deadline& deadline) override {
    const std::string said = TRY(ipmi(bmc_, {"chassis", "power", "status"}, deadline));
    if (said.find("Power is on") != std::string::npos) return State::kOn;
    if (said.find("Power is off") != std::string::npos) return State::kOff;
    return lab_error("bmc", fmt::format("BMC {} does not say whether the power is on", name_of(bmc_)))
        .with("ipmitool", printable(said));
  }

 private:
  Result<void> answers(const Deadline& deadline) override { return say({"mc", "info"}, deadline); }
  Result<void> reset(Reset how, const Deadline& deadline) override {
    return say({"mc", "reset", how == Reset::kCold ? "cold" : "warm"}, deadline);
  }
  Result<void> say(std::vector<std::string> words, const Deadline& deadline) const {
    TRY(ipmi(bmc_, std::move(words), deadline));
    return {};
  }

  const IpmiAccess bmc_;
};

}  // namespace

std::unique_ptr<HostPower> ipmi_power(const IpmiAccess& bmc, const PowerPace& pace) {
  return std::make_unique<IpmiPower>(bmc, pace);
}

}  // namespace holdfast::lab
