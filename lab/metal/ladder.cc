// How is a host brought back to its stable system, whatever state a case left it in?
//
// Each rung is an act and a wait: the act has a bound of its own, then the stable system has time to come up. A rung
// for which the host has no means, or whose act fails, gives way to the next. No rung is tried twice.
#include "lab/metal/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "harness/base/text.h"
#include "harness/crash/crash.h"

namespace holdfast::lab {
namespace {

constexpr Millis kLookEvery{5000};   // whether a BMC is back
constexpr Millis kIsItOff{15'000};   // a switch that is away is not waited for: the other rungs do without it
constexpr Millis kGlanceEvery{100};  // whether the console said something

/// One look for the stable system while nothing is heard: long enough for a test kernel that still answers to be known.
constexpr Millis kSlice{30'000};

using Act = std::function<Result<void>(const Deadline&)>;

Millis scaled_by(const LadderMeans& means, Millis span) {
  return Millis(static_cast<Millis::rep>(static_cast<double>(span.count()) * std::max(means.time_scale, 0.1)));
}

class Climb {
 public:
  Climb(const LadderMeans& means, const Deadline& deadline) : means_(means), deadline_(deadline) {}

  Result<void> run() {
    if (power_on() || ssh_reboot() || sysrq() || reset() || power_cycle() || cold_reset()) return {};
    if (deadline_.stopped()) return wait_error(Wake::kStopped, "the stable system");
    return lab_error("unrecovered", fmt::format("no rung of the ladder brought the stable system back{}",
                                                deadline_.expired() ? " before the deadline" : ""))
        .because("look at the host, mend it, then: holdfast lab release --heal")
        .with("ladder", story_);
  }

 private:
  /// Each of these: true when the stable system is up.
  bool power_on() {
    const auto is_off = [&](HostPower* power) {
      const auto state = power->state(deadline_.at_most(scaled(kIsItOff)));
      return state && *state == Power::State::kOff;
    };
    // The first way that can say so decides: a PDU is on while the board behind it is off.
    const auto off = std::ranges::find_if(means_.power, is_off);
    if (off == means_.power.end()) return false;
    return climb(Rung::kPowerOn, (*off)->describe(), [&](const Deadline& within) { return (*off)->on(within); });
  }

  bool ssh_reboot() {
    if (!means_.ssh_answers || !means_.ssh_reboot) return skip(Rung::kSshReboot, "there is no ssh");
    return climb(Rung::kSshReboot, "", [&](const Deadline& within) -> Result<void> {
      TRY(means_.ssh_answers(within));
      return means_.ssh_reboot(within);
    });
  }

  /// Sync, remount read-only, reboot. A kernel that takes the keys says so on its console, at any log level
  /// (drivers/tty/sysrq.c): one that says nothing, or whose terminal only echoes them, is not waited for.
  bool sysrq() {
    if (!means_.sysrq) return skip(Rung::kSysrq, "there is no console");
    return climb(Rung::kSysrq, "", [&](const Deadline& within) -> Result<void> {
      const size_t before = means_.console_mark ? means_.console_mark() : 0;
      for (const char key : {'s', 'u', 'b'}) {
        TRY(means_.sysrq(key, within));
        const Wake wake = wait_until(within.at_most(key == 'b' ? Millis(0) : means_.key_pause));
        if (wake == Wake::kStopped) return wait_error(wake, "sysrq");
      }
      return reacts(before, within);
    });
  }

  Result<void> reacts(size_t before, const Deadline& within) const {
    if (!means_.console_since) return {};
    const Deadline enough = within.at_most(scaled(means_.reaction));
    while (means_.console_since(before).find("sysrq: ") == std::string::npos) {
      if (enough.expired())
        return lab_error("target", "the kernel does not react to sysrq: its console does not say so");
      const Wake wake = wait_until(enough.at_most(kGlanceEvery));
      if (wake == Wake::kStopped) return wait_error(wake, "sysrq");
    }
    return {};
  }

  bool reset() {
    const auto found = std::ranges::find_if(means_.power, [](HostPower* power) { return power->bmc() != nullptr; });
    if (found == means_.power.end()) return skip(Rung::kReset, "there is no BMC");
    const size_t before = means_.console_mark ? means_.console_mark() : 0;
    return climb(
        Rung::kReset, (*found)->describe(), [&](const Deadline& within) { return (*found)->reset(within); },
        [&](const Deadline& within) { return up_after_reset(means_, before, within); });
  }

  bool power_cycle() {
    if (means_.power.empty()) return skip(Rung::kPowerCycle, "there is no power switch");
    return std::ranges::any_of(means_.power, [&](HostPower* power) {
      return climb(Rung::kPowerCycle, power->describe(), [&](const Deadline& within) { return power->cycle(within); });
    });
  }

  /// A BMC that answers and does nothing may do so no more when it has begun anew.
  bool cold_reset() {
    bool up = false;
    bool tried = false;
    for (HostPower* const power : means_.power) {
      if (up || power->bmc() == nullptr) continue;
      tried = true;
      up = climb(Rung::kBmcColdReset, power->describe(), [&](const Deadline& within) -> Result<void> {
        TRY(power->bmc()->reset(Bmc::Reset::kCold, within));
        while (!power->bmc()->answers(within)) {
          const Wake wake = wait_until(within.at_most(kLookEvery));
          if (wake == Wake::kStopped || within.expired()) return wait_error(wake, "answer from the BMC");
        }
        return power->cycle(within);
      });
    }
    return tried ? up : skip(Rung::kBmcColdReset, "there is no BMC");
  }

  Millis scaled(Millis span) const { return scaled_by(means_, span); }
  Deadline within(Rung rung) const {
    const auto* limit = std::ranges::find(kRungLimits, rung, &RungLimit::rung);
    return deadline_.at_most(scaled(limit->limit));
  }

  bool climb(Rung rung, const std::string& by, const Act& act) {
    const size_t before = means_.console_mark ? means_.console_mark() : 0;
    return climb(rung, by, act, [&](const Deadline& within) { return up_unless_stuck(means_, before, within); });
  }
  bool climb(Rung rung, const std::string& by, const Act& act, const Act& stable_up) {
    if (over()) return false;
    const auto began = Deadline::Clock::now();
    auto result = act(within(rung));
    if (result) result = stable_up(deadline_.at_most(scaled(kStableLimit)));
    if (result && means_.healthy) result = means_.healthy(deadline_.at_most(scaled(kStableLimit)));
    RungReport report{.rung = by.empty() ? std::string(to_string(rung)) : fmt::format("{} ({})", to_string(rung), by),
                      .ok = result.ok(),
                      .took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began),
                      .why = result ? "" : fmt::format("{}: {}", result.error().type(), result.error().what)};
    return tell(report);
  }

  bool skip(Rung rung, const std::string& why) {
    return over() ? false : tell({.rung = std::string(to_string(rung)), .why = "left out: " + why});
  }

  bool tell(const RungReport& report) {
    story_ += fmt::format("{}: {} after {:.1f} s\n", report.rung, report.ok ? "worked" : report.why,
                          static_cast<double>(report.took.count()) / 1000);
    if (means_.on_rung) means_.on_rung(report);
    return report.ok;
  }

  bool over() const { return deadline_.stopped() || deadline_.expired(); }

  const LadderMeans& means_;
  const Deadline& deadline_;
  std::string story_;
};

/// What a kernel that came up since then says of not going on, if it does.
std::optional<CrashFinding> stuck_since(const LadderMeans& means, size_t console_before) {
  constexpr std::array<std::string_view, 5> kStuck{"hung-task", "soft-lockup", "hard-lockup", "rcu-stall", "panic"};
  const auto findings = find_crashes(means.console_since(console_before),
                                     {{.phase = {}, .start = LogMark::Start::kPowerOn, .since = {}}});
  const auto found = std::ranges::find_if(
      findings, [&](const CrashFinding& one) { return std::ranges::find(kStuck, one.kind) != kStuck.end(); });
  return found == findings.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string_view to_string(Rung rung) { return std::ranges::find(kRungLimits, rung, &RungLimit::rung)->name; }

Result<void> up_after_reset(const LadderMeans& means, size_t console_before, const Deadline& deadline) {
  if (!means.console_mark) return means.stable_up(deadline);
  const Millis patience = scaled_by(means, means.sign_of_life);
  const Deadline silent = deadline.at_most(patience);
  while (!silent.expired()) {
    const Deadline slice = silent.at_most(std::min(patience, kSlice));
    auto up = means.stable_up(slice);
    if (up || !slice.expired()) return up;
    if (means.console_mark() > console_before) return up_unless_stuck(means, console_before, deadline);
  }
  return lab_error("no-effect", fmt::format("no sign of life {} s after the reset: neither on the console nor by ssh",
                                            std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
}

Result<void> up_unless_stuck(const LadderMeans& means, size_t console_before, const Deadline& deadline) {
  if (!means.console_mark || !means.console_since) return means.stable_up(deadline);
  const Millis patience = scaled_by(means, means.stuck_patience);
  while (true) {
    const Deadline slice = deadline.at_most(std::min(patience, kSlice));
    auto up = means.stable_up(slice);
    if (up || !slice.expired() || deadline.expired()) return up;
    const auto stuck = stuck_since(means, console_before);
    if (!stuck) continue;
    const Deadline last = deadline.at_most(patience);
    up = means.stable_up(last);
    if (up || !last.expired()) return up;
    return lab_error("stuck",
                     fmt::format("the host's own system does not come up, and its console says: {}", stuck->title))
        .with("console", stuck->excerpt);
  }
}

Result<void> recover(const LadderMeans& means, const Deadline& deadline) { return Climb(means, deadline).run(); }

}  // namespace holdfast::lab
