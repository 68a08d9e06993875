// The link to the agent is silent: is it the link, or is it the kernel?
#include "harness/roll_call.h"

#include <fmt/format.h>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/wire/roll_call.h"

namespace holdfast {
namespace {

constexpr int kCalls = 3;
/// From the first word of the answer to its end.
constexpr Millis kSentence{1000};

std::optional<Presence> call_once(Console& console, const Deadline& deadline) {
  const std::string nonce = random_hex(6);
  const Console::Mark mark = console.mark();
  // The first line's end closes whatever somebody may have begun to type.
  if (!console.send(fmt::format("\n{}{}\n", wire::kRollCall, nonce), deadline)) return std::nullopt;
  const auto begun = console.expect(wire::roll_answer(nonce), mark, deadline);
  if (!begun) return std::nullopt;
  const auto ended = console.expect(wire::kRollAnswerEnd, *begun, Deadline::after(kSentence, deadline.stop()));
  if (!ended) return std::nullopt;
  std::string doing = printable(console.slice(*begun, *ended - wire::kRollAnswerEnd.size()));
  return Presence{.idle = doing == wire::kIdle, .coming_up = doing == wire::kComingUp, .doing = std::move(doing)};
}

}  // namespace

std::optional<Presence> call_over_console(Console& console, const Deadline& deadline) {
  const Millis each = deadline.remaining() / kCalls;
  for (int call = 0; call < kCalls && !deadline.stopped(); ++call) {
    const Deadline until = deadline.at_most(each);
    if (auto presence = call_once(console, until)) return presence;
    wait_until(until);  // a console that takes nothing for now may do so again
  }
  return std::nullopt;
}

}  // namespace holdfast
