// Is a host healthy: the one that the inventory describes, and in its stable system?
#include "lab/metal/health.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "lab/metal/host_devices.h"

namespace holdfast::lab {
namespace {

using State = Finding::State;

constexpr Millis kCommand{30'000};  // one command over ssh
constexpr Millis kSwitch{20'000};   // one question to a BMC; no patience: it is to be there now
constexpr Millis kEcho{10'000};     // from /dev/console to the recorder
constexpr int kEchoes = 3;          // a kernel message may tear a line

Finding good(std::string about, std::string what) { return {State::kGood, std::move(about), std::move(what), ""}; }
Finding missing(std::string about, std::string what, std::string mend) {
  return {State::kMissing, std::move(about), std::move(what), std::move(mend)};
}
Finding missing(std::string about, const Error& error, const std::string& mend) {
  std::string what = error.what;
  for (const Evidence& evidence : error.evidence) what += fmt::format(" [{}]", trim(last_lines(evidence.text, 1)));
  return missing(std::move(about), std::move(what), error.hint.empty() ? mend : error.hint);
}

Millis scaled(const GateMeans& means, Millis span) {
  return Millis(static_cast<Millis::rep>(static_cast<double>(span.count()) * std::max(means.time_scale, 0.1)));
}

/// What the command printed; a failure of the command itself is an error as well.
Result<std::string> ask(const GateMeans& means, const std::vector<std::string>& argv, const Deadline& deadline) {
  const Output output = TRY(means.run(argv, deadline.at_most(scaled(means, kCommand))));
  if (output.status.success()) return output.out;
  return lab_error("target", fmt::format("{}: {}", argv.front(), output.status.describe())).with("stderr", output.err);
}

Finding look_at_kernel(std::string_view cmdline) {
  for (const auto word : split(cmdline, ' ')) {
    if (!trim(word).starts_with("holdfast.")) continue;
    return missing("stable kernel", fmt::format("a test kernel runs: its command line has {}", trim(word)),
                   "holdfast lab release --heal HOST, or power-cycle the host");
  }
  return good("stable kernel", "runs");
}

Finding finding_of(const LocatedDevice& device) {
  const std::string about = fmt::format("device '{}'", device.declared.device.role);
  if (device.trouble.empty()) return good(about, fmt::format("{} at {}", device.ids, device.bdf));
  return missing(about, device.trouble,
                 fmt::format("seat the device, or mend the inventory at {}", device.declared.declared_at));
}

void look_at_devices(const GateMeans& means, const Deadline& deadline, std::vector<Finding>& findings) {
  if (means.devices.empty()) return;
  const auto listed = ask(means, {"sh", "-c", kListDevices}, deadline);
  if (!listed)
    return findings.push_back(missing("devices", listed.error(), "look at the host: its /sys is not readable"));
  for (const LocatedDevice& device : locate(means.devices, *listed)) findings.push_back(finding_of(device));
}

void look_at_switches(const GateMeans& means, const Deadline& deadline, std::vector<Finding>& findings) {
  for (HostPower* const power : means.power) {
    const Deadline soon = deadline.at_most(scaled(means, kSwitch));
    auto answer = power->bmc() != nullptr ? power->bmc()->answers(soon) : Result<void>();
    if (answer) {
      const auto state = power->state(soon);
      if (!state) answer = state.error();
      if (state && *state == Power::State::kOff) answer = lab_error("power", "says that the power is off");
    }
    findings.push_back(answer ? good(power->describe(), "answers, the power is on")
                              : missing(power->describe(), answer.error(), "look at the switch, and at the inventory"));
  }
}

void look_at_console(const GateMeans& means, const Deadline& deadline, std::vector<Finding>& findings) {
  if (means.console == nullptr) return;
  Error last = lab_error("target", "the console was not tried");
  for (int echo = 0; echo < kEchoes && !deadline.stopped() && !deadline.expired(); ++echo) {
    const std::string nonce = "holdfast-nonce-" + random_hex(8);
    const Console::Mark mark = means.console->mark();
    const auto written = ask(means, {"sh", "-c", fmt::format("echo {} > /dev/console", nonce)}, deadline);
    if (!written) {
      return findings.push_back(missing("console", written.error(), "let the host's ssh user write to /dev/console"));
    }
    const auto heard = means.console->expect(nonce, mark, deadline.at_most(scaled(means, kEcho)));
    if (heard) return findings.push_back(good("console", "shows what the host writes to it"));
    last = heard.error();
  }
  findings.push_back(missing("console",
                             fmt::format("does not show what the host writes to /dev/console: {}", last.what),
                             "the last console= of the host's command line must be the port that is recorded"));
}

}  // namespace

std::vector<Finding> look_at(const GateMeans& means, const Deadline& deadline) {
  std::vector<Finding> findings;
  const auto cmdline = ask(means, {"cat", "/proc/cmdline"}, deadline);
  if (cmdline) {
    findings.push_back(good("ssh", "answers"));
    findings.push_back(look_at_kernel(*cmdline));
    look_at_devices(means, deadline, findings);
  } else {
    findings.push_back(missing("ssh", cmdline.error(), "holdfast lab release --heal HOST"));
  }
  look_at_switches(means, deadline, findings);
  if (cmdline) look_at_console(means, deadline, findings);
  return findings;
}

std::string to_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += fmt::format("{} {}: {}{}\n", finding.state == State::kMissing ? "bad" : "ok", finding.about, finding.what,
                        finding.mend.empty() ? "" : "; mend: " + finding.mend);
  }
  return text;
}

Result<void> pass_gate(const GateMeans& means, const Deadline& deadline) {
  const std::vector<Finding> findings = look_at(means, deadline);
  if (deadline.stopped()) return wait_error(Wake::kStopped, "the health gate");
  if (ready(findings)) return {};
  const auto first = std::ranges::find(findings, State::kMissing, &Finding::state);
  return lab_error("unhealthy", fmt::format("health gate: {}: {}", first->about, first->what))
      .because(first->mend)
      .with("health", to_text(findings));
}

}  // namespace holdfast::lab
