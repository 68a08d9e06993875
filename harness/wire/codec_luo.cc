// Which members do the messages of verbs_luo.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_luo.h"

namespace holdfast::wire {

static auto members(const LuoSessionCreate*) { return std::tuple(Field{"name", &LuoSessionCreate::name}); }
static auto members(const LuoSessionRetrieve*) { return std::tuple(Field{"name", &LuoSessionRetrieve::name}); }
static auto members(const LuoPreserve*) {
  return std::tuple(Field{"session", &LuoPreserve::session}, Field{"file", &LuoPreserve::file},
                    Field{"token", &LuoPreserve::token});
}
static auto members(const LuoRetrieve*) {
  return std::tuple(Field{"session", &LuoRetrieve::session}, Field{"token", &LuoRetrieve::token});
}
static auto members(const LuoFinish*) { return std::tuple(Field{"session", &LuoFinish::session}); }

HOLDFAST_WIRE_REQUEST(LuoSessionCreate);
HOLDFAST_WIRE_REQUEST(LuoSessionRetrieve);
HOLDFAST_WIRE_REQUEST(LuoPreserve);
HOLDFAST_WIRE_REQUEST(LuoRetrieve);
HOLDFAST_WIRE_REQUEST(LuoFinish);

}  // namespace holdfast::wire
