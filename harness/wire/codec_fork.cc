// Which members do the messages of verbs_fork.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_fork.h"

namespace holdfast::wire {

static auto members(const Held*) { return std::tuple(Field{"uptime_ms", &Held::uptime_ms}); }
static auto members(const Begin*) { return std::tuple(Field{"wall_ms", &Begin::wall_ms}); }

template Message make_event<Held>(const Held&);
HOLDFAST_WIRE_REQUEST(Begin);

}  // namespace holdfast::wire
