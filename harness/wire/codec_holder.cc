// Which members do the messages of verbs_holder.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_holder.h"

namespace holdfast::wire {

static auto members(const HolderStartReply*) { return std::tuple(Field{"holder", &HolderStartReply::holder}); }
static auto members(const HolderStart*) { return std::tuple(Field{"handles", &HolderStart::handles}); }
static auto members(const HolderKill*) {
  return std::tuple(Field{"holder", &HolderKill::holder}, Field{"wait_ms", &HolderKill::wait_ms});
}

HOLDFAST_WIRE_REPLY(HolderStartReply);
HOLDFAST_WIRE_REQUEST(HolderStart);
HOLDFAST_WIRE_REQUEST(HolderKill);

}  // namespace holdfast::wire
