// Which members do the messages of verbs_host.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_host.h"

namespace holdfast::wire {

static auto members(const HostUse*) {
  return std::tuple(Field{"bdf", &HostUse::bdf}, Field{"role", &HostUse::role}, Field{"why", &HostUse::why});
}
static auto members(const HostFunction*) {
  return std::tuple(Field{"bdf", &HostFunction::bdf}, Field{"path", &HostFunction::path},
                    Field{"iommu_group", &HostFunction::iommu_group});
}
static auto members(const HostFacts*) { return std::tuple(Field{"control", &HostFacts::control}); }
static auto members(const HostFactsReply*) {
  return std::tuple(Field{"uses", &HostFactsReply::uses}, Field{"functions", &HostFactsReply::functions});
}

HOLDFAST_WIRE_REQUEST(HostFacts);
HOLDFAST_WIRE_REPLY(HostFactsReply);

}  // namespace holdfast::wire
