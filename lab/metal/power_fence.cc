// How does a fence agent switch a host's power?
#include "lab/metal/power_fence.h"

#include <fmt/format.h>

#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/secret.h"

namespace holdfast::lab {
namespace {

/// For one action: an agent waits for its effect by itself, some for 20 s, behind a login of its own.
constexpr Millis kAction{90'000};

/// What an agent's exit code means (fence-agents, FenceAgentAPI.md).
constexpr int kOkOrOn = 0;
constexpr int kOff = 2;

class FencePower : public HostPower {
 public:
  FencePower(const PowerAccess& access, const PowerPace& pace) : HostPower(pace), access_(access) {}
  std::string describe() const override { return access_.agent; }

 protected:
  Result<void> tell(State wanted, const Deadline& deadline) override {
    const std::string action = wanted == State::kOn ? "on" : "off";
    const Output output = TRY(act(action, deadline));
    if (output.status.code == kOkOrOn && output.status.signal == 0) return {};
    return failed(action, output);
  }
  Result<State> ask(const Deadline& deadline) override {
    const Output output = TRY(act("status", deadline));
    if (output.status.signal == 0 && output.status.code == kOkOrOn) return State::kOn;
    if (output.status.signal == 0 && output.status.code == kOff) return State::kOff;
    return failed("status", output);
  }

 private:
  /// Nothing of it is in the agent's argv: other users of this computer can read that.
  Result<Output> act(const std::string& action, const Deadline& deadline) const {
    std::string lines = fmt::format("action={}\n", action);
    for (const auto& [name, value] : access_.options) lines += fmt::format("{}={}\n", name, value);
    std::vector<std::string> secrets;
    for (const auto& [name, source] : access_.secrets) {
      secrets.push_back(TRY(read_secret(source)));
      lines += fmt::format("{}={}\n", name, secrets.back());
    }
    auto output = run({.argv = {access_.agent}}, deadline.at_most(kAction), lines);
    // Some agents tell of what they were asked, or of a login that failed, with all that was in it.
    for (const std::string& secret : secrets) {
      if (output) output->err = without_secret(std::move(output->err), secret);
    }
    return output ? std::move(output) : Result<Output>(cut_short(std::move(output).error(), deadline));
  }
  Error failed(const std::string& action, const Output& output) const {
    return lab_error("power", fmt::format("{}: action {}: {}", access_.agent, action, output.status.describe()))
        .with("stderr", printable(last_lines(output.err, 40)));
  }

  const PowerAccess access_;
};

bool one_line(const std::string& text) { return text.find('\n') == std::string::npos; }

}  // namespace

Result<std::unique_ptr<HostPower>> fence_power(const PowerAccess& access, const PowerPace& pace) {
  if (access.agent.empty()) return usage_error(fmt::format("{}: power without a fence agent", access.declared_at));
  for (const auto& [name, value] : access.options) {
    if (one_line(name) && one_line(value)) continue;
    return usage_error(
        fmt::format("{}: option {} of {} is more than one line", access.declared_at, printable(name), access.agent));
  }
  return std::unique_ptr<HostPower>(std::make_unique<FencePower>(access, pace));
}

}  // namespace holdfast::lab
