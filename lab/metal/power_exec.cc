// How do a lab's own programs switch a host's power?
#include "lab/metal/power_exec.h"

#include <fmt/format.h>

#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

constexpr Millis kProgram{60'000};  // for one program

class ExecPower : public HostPower {
 public:
  ExecPower(const PowerAccess& access, const PowerPace& pace) : HostPower(pace), access_(access) {}
  std::string describe() const override { return access_.state.front(); }

 protected:
  Result<void> tell(State wanted, const Deadline& deadline) override {
    TRY(call(wanted == State::kOn ? access_.on : access_.off, deadline));
    return {};
  }
  Result<State> ask(const Deadline& deadline) override {
    const std::string said = TRY(call(access_.state, deadline));
    if (trim(said) == "on") return State::kOn;
    if (trim(said) == "off") return State::kOff;
    return lab_error("power", fmt::format("{} says neither \"on\" nor \"off\"", shell_quote(access_.state)))
        .with("stdout", printable(last_lines(said, 40)));
  }

 private:
  static Result<std::string> call(const std::vector<std::string>& argv, const Deadline& deadline) {
    auto output = run({.argv = argv}, deadline.at_most(kProgram));
    if (!output) return cut_short(std::move(output).error(), deadline);
    if (output->status.success()) return std::move(output->out);
    return lab_error("power", fmt::format("{}: {}", shell_quote(argv), output->status.describe()))
        .with("stderr", printable(last_lines(output->err, 40)));
  }

  const PowerAccess access_;
};

}  // namespace

Result<std::unique_ptr<HostPower>> exec_power(const PowerAccess& access, const PowerPace& pace) {
  for (const auto* argv : {&access.on, &access.off, &access.state}) {
    if (argv->empty()) {
      return usage_error(fmt::format("{}: power by programs needs three: on, off and state", access.declared_at));
    }
  }
  return std::unique_ptr<HostPower>(std::make_unique<ExecPower>(access, pace));
}

}  // namespace holdfast::lab
