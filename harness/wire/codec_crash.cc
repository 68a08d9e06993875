// Which members do the messages of verbs_crash.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_crash.h"

namespace holdfast::wire {

static auto members(const CrashLoad*) {
  return std::tuple(Field{"kernel", &CrashLoad::kernel}, Field{"initrd", &CrashLoad::initrd},
                    Field{"cmdline", &CrashLoad::cmdline});
}
static auto members(const CrashNow*) { return std::tuple(Field{"boot_id", &CrashNow::boot_id}); }
static auto members(const Vmcore*) { return std::tuple(); }
static auto members(const VmcoreReply*) {
  return std::tuple(Field{"size", &VmcoreReply::size}, Field{"is_elf", &VmcoreReply::is_elf});
}

HOLDFAST_WIRE_REQUEST(CrashLoad);
HOLDFAST_WIRE_REQUEST(CrashNow);
HOLDFAST_WIRE_REQUEST(Vmcore);

HOLDFAST_WIRE_REPLY(VmcoreReply);

}  // namespace holdfast::wire
