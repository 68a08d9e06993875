// Which members do the messages of verbs_clock.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_clock.h"

namespace holdfast::wire {

static auto members(const Clock*) { return std::tuple(); }
static auto members(const ClockReply*) {
  return std::tuple(Field{"now_ms", &ClockReply::now_ms}, Field{"began_ms", &ClockReply::began_ms});
}

HOLDFAST_WIRE_REQUEST(Clock);
HOLDFAST_WIRE_REPLY(ClockReply);

}  // namespace holdfast::wire
