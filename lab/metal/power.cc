// How is a host's power switched, and how do we know that it was?
#include "lab/metal/power.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>

#include "lab/metal/power_exec.h"
#include "lab/metal/power_fence.h"
#include "lab/metal/power_ipmi.h"

namespace holdfast::lab {
namespace {

std::string_view word(Power::State state) { return state == Power::State::kOn ? "on" : "off"; }

}  // namespace

Result<Power::State> HostPower::state(const Deadline& deadline) {
  return patiently<State>(deadline, [&] { return ask(deadline); });
}

Error HostPower::cut_short(Error error, const Deadline& deadline) {
  if (error.kind != "timeout") return error;
  error.kind = "power";
  if (deadline.expired()) error.errnum = ETIME;
  return error;
}

/// A switch that is told what it already does may well refuse, so it is asked first. Then: told, looked at until it is
/// so, and told again, some times. What it answers to being told is no proof.
Result<void> HostPower::switch_to(State wanted, const Deadline& deadline) {
  State now = TRY(state(deadline));
  int told = 0;
  const auto lied = [&] {
    return lab_error("power-lied", fmt::format("{}: told {} times to switch {}, it said yes, and is still {}",
                                               describe(), told, word(wanted), word(now)));
  };
  while (now != wanted) {
    if (deadline.stopped()) return wait_error(Wake::kStopped, "power");
    if (deadline.expired() || told == pace_.tells) return lied();
    const auto said = patiently<void>(deadline, [&] { return tell(wanted, deadline); });
    if (!said) return told > 0 && said.error().errnum == ETIME ? lied() : said.error();
    ++told;
    for (const Deadline look = deadline.at_most(pace_.believe); now != wanted && !look.expired();) {
      auto seen = state(deadline);
      if (!seen) return seen.error().errnum == ETIME ? lied() : std::move(seen).error();
      now = *seen;
      if (now != wanted && wait_until(look.at_most(pace_.look_every)) == Wake::kStopped) break;
    }
  }
  return {};
}

Result<void> HostPower::cycle(const Deadline& deadline) {
  TRY(off(deadline));
  if (wait_until(deadline.at_most(pace_.pause)) == Wake::kStopped) return wait_error(Wake::kStopped, "power");
  return on(deadline);
}

Result<std::unique_ptr<HostPower>> make_power(const PowerAccess& access, const PowerPace& pace) {
  switch (access.kind) {
    case PowerAccess::Kind::kIpmi:
      return ipmi_power(access.ipmi, pace);
    case PowerAccess::Kind::kFence:
      return fence_power(access, pace);
    case PowerAccess::Kind::kExec:
      return exec_power(access, pace);
  }
  std::abort();
}

}  // namespace holdfast::lab
