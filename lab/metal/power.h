// How is a host's power switched, and how do we know that it was?
#pragma once

#include <cerrno>
#include <memory>
#include <optional>
#include <string>

#include "harness/target.h"
#include "lab/host.h"

namespace holdfast::lab {

/// What a host with a BMC can do besides: an optional ability.
class Bmc {
 public:
  enum class Reset { kWarm, kCold };  ///< cold: as if its power had been away; it is then gone for a minute or two
  virtual ~Bmc() = default;
  /// Ok when it speaks to us now. Asks once. Errors: lab.bmc.
  virtual Result<void> answers(const Deadline& deadline) = 0;
  /// Restarts the BMC, not the host. Does not wait until it is back.
  virtual Result<void> reset(Reset how, const Deadline& deadline) = 0;
};

/// How patient it is.
struct PowerPace {
  Millis look_every{500};    ///< at the state, after it was switched
  Millis believe{15'000};    ///< until a switch that shows no effect is told again: a board takes some seconds
  int tells = 5;             ///< so often; then the switch lied
  Millis retry_every{2000};  ///< when the switch does not answer
  Millis busy{10'000};       ///< for one that answers with a no: it may be busy
  Millis patience{120'000};  ///< for a switch that does not answer: a BMC is back from its own restart by then
  Millis pause{5000};        ///< between off and on again: capacitors keep a board up for a while
};

/// One way to switch a host's power. on() and off() are proven: the state is read back until it is so, for at most
/// a minute and a quarter. Errors:
/// lab.power-lied (the switch said that all is well, and nothing came of it), lab.bmc and lab.power (it refuses or
/// cannot be reached, even after some patience; with what it said), lab.exec, harness.usage (its secret),
/// harness.stopped. Not thread-safe.
class HostPower : public Power {
 public:
  explicit HostPower(const PowerPace& pace) : pace_(pace) {}
  Result<void> on(const Deadline& deadline) final { return switch_to(State::kOn, deadline); }
  Result<void> off(const Deadline& deadline) final { return switch_to(State::kOff, deadline); }
  Result<State> state(const Deadline& deadline) final;
  /// Off, until it is off, a pause, and on again.
  Result<void> cycle(const Deadline& deadline);
  /// Makes the board begin anew without losing its power; where that cannot be had, a cycle. That it came to pass
  /// shows in the host only.
  virtual Result<void> reset(const Deadline& deadline) { return cycle(deadline); }
  /// "IPMI at 192.0.2.7:623".
  virtual std::string describe() const = 0;
  /// Null: there is no BMC.
  virtual Bmc* bmc() { return nullptr; }

 protected:
  /// Tells it once.
  virtual Result<void> tell(State wanted, const Deadline& deadline) = 0;
  /// Asks it once.
  virtual Result<State> ask(const Deadline& deadline) = 0;
  /// For a program that did not end in time: lab.power; errnum is ETIME when it was the caller's own time.
  static Error cut_short(Error error, const Deadline& deadline);
  /// Does it again while it fails for want of an answer, for as long as patience goes.
  template <class T, class Attempt>
  Result<T> patiently(const Deadline& deadline, const Attempt& attempt) const;

 private:
  Result<void> switch_to(State wanted, const Deadline& deadline);

  const PowerPace pace_;
};

/// Nothing is touched yet. Errors: harness.usage.
Result<std::unique_ptr<HostPower>> make_power(const PowerAccess& access, const PowerPace& pace = {});

template <class T, class Attempt>
Result<T> HostPower::patiently(const Deadline& deadline, const Attempt& attempt) const {
  const Deadline enough = deadline.at_most(pace_.patience);
  const Deadline enough_of_no = deadline.at_most(pace_.busy);
  std::optional<Error> before;
  while (true) {
    Result<T> result = attempt();
    if (result || (result.error().kind != "bmc" && result.error().kind != "power")) return result;
    // An attempt that was cut short says less than the one before. And who refuses our password will do so again, and
    // may lock the account.
    if (result.error().errnum == ETIME && before) return *std::move(before);
    const bool says_no = result.error().errnum == EREMOTEIO;
    if ((result.error().errnum != 0 && !says_no) || (says_no ? enough_of_no : enough).expired()) return result;
    before = std::move(result).error();
    if (wait_until(enough.at_most(pace_.retry_every)) == Wake::kStopped) return wait_error(Wake::kStopped, "power");
  }
}

}  // namespace holdfast::lab
