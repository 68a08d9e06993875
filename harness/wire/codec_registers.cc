// Which members do the messages of verbs_registers.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_registers.h"

namespace holdfast::wire {

static auto members(const PciConfigWrite*) {
  return std::tuple(Field{"bdf", &PciConfigWrite::bdf}, Field{"offset", &PciConfigWrite::offset});
}
static auto members(const PciBarRead*) {
  return std::tuple(Field{"bdf", &PciBarRead::bdf}, Field{"bar", &PciBarRead::bar},
                    Field{"offset", &PciBarRead::offset}, Field{"length", &PciBarRead::length});
}
static auto members(const VfioAwaitReply*) {
  return std::tuple(Field{"reached", &VfioAwaitReply::reached}, Field{"last", &VfioAwaitReply::last});
}
static auto members(const VfioAwait*) {
  return std::tuple(Field{"device", &VfioAwait::device}, Field{"region", &VfioAwait::region},
                    Field{"offset", &VfioAwait::offset}, Field{"mask", &VfioAwait::mask},
                    Field{"value", &VfioAwait::value}, Field{"wait_ms", &VfioAwait::wait_ms});
}
static auto members(const RegisterValue*) {
  return std::tuple(Field{"offset", &RegisterValue::offset}, Field{"value", &RegisterValue::value});
}
static auto members(const VfioKeepBusy*) {
  return std::tuple(Field{"device", &VfioKeepBusy::device}, Field{"region", &VfioKeepBusy::region},
                    Field{"writes", &VfioKeepBusy::writes}, Field{"memfd", &VfioKeepBusy::memfd},
                    Field{"wipe", &VfioKeepBusy::wipe});
}

HOLDFAST_WIRE_REQUEST(PciConfigWrite);
HOLDFAST_WIRE_REQUEST(PciBarRead);
HOLDFAST_WIRE_REQUEST(VfioAwait);
HOLDFAST_WIRE_REQUEST(VfioKeepBusy);

HOLDFAST_WIRE_REPLY(VfioAwaitReply);

}  // namespace holdfast::wire
