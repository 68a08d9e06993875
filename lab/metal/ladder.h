// How is a host brought back to its stable system, whatever state a case left it in?
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "lab/metal/power.h"

namespace holdfast::lab {

/// From the gentlest to the roughest.
enum class Rung { kPowerOn, kSshReboot, kSysrq, kReset, kPowerCycle, kBmcColdReset };

/// How long a rung itself may take, on a host of time scale 1; the wait for the stable system comes on top.
struct RungLimit {
  Rung rung;
  std::string_view name;
  Millis limit;
};

inline constexpr std::array<RungLimit, 6> kRungLimits{{
    {Rung::kPowerOn, "power on", Millis(150'000)},        // patience with a BMC that is away (120 s), then seconds
    {Rung::kSshReboot, "ssh reboot", Millis(30'000)},     // a login, and the order; services are stopped in the wait
    {Rung::kSysrq, "sysrq", Millis(45'000)},              // a console that is just being opened again; three keys
    {Rung::kReset, "chassis reset", Millis(150'000)},     // as power on
    {Rung::kPowerCycle, "power cycle", Millis(240'000)},  // off is proven, a pause, on is proven; a PDU is slow
    {Rung::kBmcColdReset, "BMC cold reset", Millis(600'000)},  // BMCs take up to five minutes; then a power cycle
}};
/// From the firmware to ssh: servers test their memory for minutes, and a disk may have to be checked.
inline constexpr Millis kStableLimit{600'000};

/// From a reset to the first byte on the console: boards train their memory before their firmware says a word.
inline constexpr Millis kSignOfLife{120'000};
/// A stable system whose kernel says that it is stuck has so long to come up after all.
inline constexpr Millis kStuckPatience{60'000};
std::string_view to_string(Rung rung);

/// What came of a rung.
struct RungReport {
  std::string rung;  ///< "power cycle (IPMI at 192.0.2.7:623)"
  bool ok = false;   ///< the stable system is up
  Millis took{0};
  std::string why;  ///< it failed, or was left out; empty when ok
};

/// What a host can be brought back with; whatever is empty is left out, and said so.
struct LadderMeans {
  /// A command over ssh works in whatever system runs now.
  std::function<Result<void>(const Deadline&)> ssh_answers = {};
  /// Has that system reboot: through the firmware, never by kexec.
  std::function<Result<void>(const Deadline&)> ssh_reboot = {};
  /// ConsoleRecorder::send_sysrq.
  std::function<Result<void>(char, const Deadline&)> sysrq = {};
  /// How much the console has said so far (ConsoleRecorder::mark); empty: a kernel's answer to sysrq is not looked for.
  std::function<size_t()> console_mark = {};
  std::function<std::string(size_t)> console_since = {};  ///< what it has said from that mark on
  std::vector<HostPower*> power = {};                     ///< in the order of the inventory
  /// Waits until the stable system is up. Must not take the system that ran before a rung for it. An error before the
  /// deadline is final for the rung.
  std::function<Result<void>(const Deadline&)> stable_up;
  std::function<Result<void>(const Deadline&)> healthy = {};  ///< asked when it is up; empty: that is enough
  std::function<void(const RungReport&)> on_rung = {};
  double time_scale = 1.0;           ///< of the host
  Millis key_pause{2000};            ///< between sysrq keys: sync and remount take their time
  Millis reaction{5'000};            ///< for the console to say something after them
  Millis sign_of_life{kSignOfLife};  ///< for the console to say something after a reset
  Millis stuck_patience{kStuckPatience};
};

/// Waits for the stable system, unless its console says since `console_before` that a task, a CPU or RCU is stuck or
/// that it has panicked: then for a while only (stuck_patience). Errors: lab.stuck, with what it says; stable_up's.
Result<void> up_unless_stuck(const LadderMeans& means, size_t console_before, const Deadline& deadline);

/// Waits for the stable system after a reset, of which a BMC's word is no proof: as long as the console has said
/// nothing behind `console_before`, it is looked for a while only (sign_of_life). Errors: lab.no-effect: no sign of
/// life; as up_unless_stuck().
Result<void> up_after_reset(const LadderMeans& means, size_t console_before, const Deadline& deadline);

/// Climbs until the stable system is up. A host that is off is switched on first. Errors: lab.unrecovered, with what
/// came of each rung as evidence: the host belongs into quarantine; harness.stopped, at once.
Result<void> recover(const LadderMeans& means, const Deadline& deadline);

}  // namespace holdfast::lab
