// Which members do the messages of verbs_resources.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_resources.h"

namespace holdfast::wire {

static auto members(const Resources*) { return std::tuple(); }
static auto members(const ResourcesReply*) {
  return std::tuple(Field{"memory_total", &ResourcesReply::memory_total},
                    Field{"memory_available", &ResourcesReply::memory_available}, Field{"slab", &ResourcesReply::slab},
                    Field{"slab_unreclaimable", &ResourcesReply::slab_unreclaimable},
                    Field{"kho_scratch", &ResourcesReply::kho_scratch},
                    Field{"open_files", &ResourcesReply::open_files});
}

HOLDFAST_WIRE_REQUEST(Resources);
HOLDFAST_WIRE_REPLY(ResourcesReply);

}  // namespace holdfast::wire
