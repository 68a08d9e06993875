// A roll call over the console: what the agent takes for one, and what the controller takes for its answer.
#include <fmt/format.h>

#include "harness/agent/roll_call.h"
#include "harness/base/text.h"
#include "harness/roll_call.h"
#include "harness/wire/roll_call.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

constexpr std::string_view kNonce = "NONCE";

/// A console on which the same bytes come after each call, with the call's nonce where they say kNonce.
class Echo : public Console {
 public:
  explicit Echo(std::string_view bytes) : bytes_(bytes) {}
  Mark mark() const override { return text_.size(); }
  std::string slice(Mark from, Mark to) const override {
    promise(from <= to && from <= text_.size(), "a piece of a console begins before it ends");
    return text_.substr(from, to - from);
  }
  Result<Mark> expect(std::string_view wanted, Mark from, const Deadline&) override {
    const size_t at = text_.find(wanted, from);
    if (at == std::string::npos) return lab_error("timeout", "it is not there");
    return at + wanted.size();
  }
  Result<void> send(std::string_view call, const Deadline&) override {
    const std::string_view nonce = trim(call.substr(call.find(wire::kRollCall) + wire::kRollCall.size()));
    std::string answer = bytes_;
    const size_t at = answer.find(kNonce);
    if (at != std::string::npos) answer.replace(at, kNonce.size(), nonce);
    text_ += answer;
    return {};
  }

 private:
  const std::string bytes_;
  std::string text_;
};

void read(std::string_view bytes) {
  const agent::Occupation idle;
  for (const std::string_view line : split(bytes, '\n')) {
    const auto answer = agent::answer_to(line, idle);
    promise(!answer || answer->size() < 200, "the agent answers with a line, whatever it was called with");
  }
  Echo console(bytes);
  const auto presence = call_over_console(console, Deadline::after(Millis(0)));
  promise(!presence || printable(presence->doing) == presence->doing, "what an agent says can be shown");
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  const std::string answer = wire::roll_answer(kNonce) + std::string(wire::kIdle) + std::string(wire::kRollAnswerEnd);
  const std::string call = std::string(wire::kRollCall) + "0123456789ab";
  return {call,
          call + "\n" + answer + "\n",
          "[    1.0] message " + call,
          wire::roll_answer(kNonce) + "busy with x for 1 s.",
          wire::roll_answer(kNonce) + "coming up.",
          answer.substr(0, 30) + "\x1b[2J" + answer};
}

}  // namespace

Target roll_call_target() { return {.name = "roll-call", .read = read, .seeds = seeds, .longest = 4096}; }

}  // namespace holdfast::fuzzing
