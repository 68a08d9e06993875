// A step failed: was it the kernel, the lab or the harness?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/crash/crash.h"
#include "harness/roll_call.h"
#include "harness/timeouts.h"

namespace holdfast {

/// What is known at the time of a failure.
struct Circumstances {
  Phase phase = Phase::kBoot;
  std::optional<Error> machine = {};       ///< what Target::alive() had to say, if the machine is not well
  std::string console = {};                ///< the console of the kernel that runs, or is on its way
  std::optional<Presence> agent = {};      ///< what it said on the console when its link was silent
  std::vector<CrashFinding> crashes = {};  ///< of all kernels of the case, without those that are allowed
};

/// A kernel error from the finding that says most, with all of them as evidence; nothing when there are none.
std::optional<Error> crash_error(const std::vector<CrashFinding>& crashes);

/// Nothing came from the agent, and the error says no more.
bool is_silence(const Error& error);

/// The error that the report shows. In this order: a request to stop and a skip stay what they are; a machine that
/// the lab lost is the lab's; a crash is the kernel's; a guest that reset itself is the kernel's; silence of a sound
/// machine is the link's when its agent answers on the console and is not in the kernel, else the kernel's (a hang) if
/// the kernel ever spoke. The first error is kept as evidence, and so are warnings, which decide nothing here: a case
/// that has not failed otherwise fails by them when it is closed.
Error judge(Error error, const Circumstances& circumstances);

/// Before each line that the agent writes to the console.
inline constexpr std::string_view kAgentWords = "holdfast-agent: ";
/// The one that says that it is up: from then on the link is what is missing.
inline constexpr std::string_view kAgentBanner = "holdfast-agent: up";

}  // namespace holdfast
