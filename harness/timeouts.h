// How long may each phase take?
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "harness/base/deadline.h"

namespace holdfast {

/// The phases of a case, in the order of the flow; the names are those of reports.
enum class Phase {
  kBoot,
  kSnapshot,
  kBind,
  kPlug,
  kPreserve,
  kLoad,
  kKexec,
  kWait,
  kVerify,
  kRetrieve,
  kFinish,
  kExercise,
  kClose
};

/// A phase's name and how long it may take on a target of time scale 1.
struct PhaseLimit {
  Phase phase;
  std::string_view name;
  Millis limit;
};

/// One table for all of it. Measured under TCG on two busy cores, times about ten: a deadline is there to end a hang,
/// not to judge speed, and a machine may be shared.
inline constexpr std::array<PhaseLimit, 13> kPhaseLimits{{
    {Phase::kBoot, "boot", Millis(60'000)},          // 2 s measured: firmware, kernel, initramfs, agent
    {Phase::kSnapshot, "snapshot", Millis(15'000)},  // 0.1 s: config space of every function and the kernel's log
    {Phase::kBind, "bind", Millis(20'000)},          // 0.2 s: a native driver's remove(), vfio-pci's probe with a reset
    {Phase::kPlug, "plug", Millis(40'000)},          // 0.3 s; by its button a slot is given up after 5 s
    {Phase::kPreserve, "preserve", Millis(20'000)},  // 0.05 s
    {Phase::kLoad, "load", Millis(40'000)},          // 0.2 s: kexec_file_load checks a digest of the whole image
    {Phase::kKexec, "kexec", Millis(30'000)},        // 0.5 s: freeze of every preserved file, shutdown of every device
    {Phase::kWait, "wait", Millis(60'000)},          // 1.5 s: the next kernel's boot up to its agent
    {Phase::kVerify, "verify", Millis(15'000)},      // 0.1 s
    {Phase::kRetrieve, "retrieve", Millis(20'000)},  // 0.05 s
    {Phase::kFinish, "finish", Millis(20'000)},      // 0.05 s
    {Phase::kExercise, "exercise", Millis(20'000)},  // 0.2 s: a reset waits 100 ms (PCIe base spec 6.6.2)
    {Phase::kClose, "close", Millis(20'000)},        // 0.1 s: the log, power off
}};

std::string_view to_string(Phase phase);
Millis limit_of(Phase phase);

/// The phase of that name; for --help and tests.
std::optional<Phase> phase_from(std::string_view name);

}  // namespace holdfast
