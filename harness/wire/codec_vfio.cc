// Which members do the messages of verbs_vfio.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast::wire {

static auto members(const HandleReply*) { return std::tuple(Field{"handle", &HandleReply::handle}); }
static auto members(const VfioOpenCdev*) { return std::tuple(Field{"bdf", &VfioOpenCdev::bdf}); }
static auto members(const VfioOpenGroup*) { return std::tuple(Field{"bdf", &VfioOpenGroup::bdf}); }
static auto members(const IommufdOpen*) { return std::tuple(); }
static auto members(const NodeOpen*) { return std::tuple(Field{"path", &NodeOpen::path}); }
static auto members(const Close*) { return std::tuple(Field{"handle", &Close::handle}); }
static auto members(const VfioBindIommufdReply*) { return std::tuple(Field{"devid", &VfioBindIommufdReply::devid}); }
static auto members(const VfioBindIommufd*) {
  return std::tuple(Field{"device", &VfioBindIommufd::device}, Field{"iommufd", &VfioBindIommufd::iommufd});
}
static auto members(const IoasAllocReply*) { return std::tuple(Field{"ioas", &IoasAllocReply::ioas}); }
static auto members(const IoasAlloc*) { return std::tuple(Field{"iommufd", &IoasAlloc::iommufd}); }
static auto members(const VfioAttach*) {
  return std::tuple(Field{"device", &VfioAttach::device}, Field{"ioas", &VfioAttach::ioas});
}
static auto members(const IoasMap*) {
  return std::tuple(Field{"iommufd", &IoasMap::iommufd}, Field{"ioas", &IoasMap::ioas}, Field{"memfd", &IoasMap::memfd},
                    Field{"offset", &IoasMap::offset}, Field{"length", &IoasMap::length},
                    Field{"iova", &IoasMap::iova});
}
static auto members(const IoasUnmap*) {
  return std::tuple(Field{"iommufd", &IoasUnmap::iommufd}, Field{"ioas", &IoasUnmap::ioas},
                    Field{"iova", &IoasUnmap::iova}, Field{"length", &IoasUnmap::length});
}
static auto members(const VfioRegion*) {
  return std::tuple(Field{"index", &VfioRegion::index}, Field{"flags", &VfioRegion::flags},
                    Field{"size", &VfioRegion::size});
}
static auto members(const VfioIrq*) {
  return std::tuple(Field{"index", &VfioIrq::index}, Field{"flags", &VfioIrq::flags}, Field{"count", &VfioIrq::count});
}
static auto members(const VfioInfoReply*) {
  return std::tuple(Field{"flags", &VfioInfoReply::flags}, Field{"regions", &VfioInfoReply::regions},
                    Field{"irqs", &VfioInfoReply::irqs});
}
static auto members(const VfioInfo*) { return std::tuple(Field{"device", &VfioInfo::device}); }
static auto members(const BytesReply*) { return std::tuple(); }
static auto members(const VfioRead*) {
  return std::tuple(Field{"device", &VfioRead::device}, Field{"region", &VfioRead::region},
                    Field{"offset", &VfioRead::offset}, Field{"length", &VfioRead::length});
}
static auto members(const VfioWrite*) {
  return std::tuple(Field{"device", &VfioWrite::device}, Field{"region", &VfioWrite::region},
                    Field{"offset", &VfioWrite::offset});
}
static auto members(const VfioIrqSet*) {
  return std::tuple(Field{"device", &VfioIrqSet::device}, Field{"index", &VfioIrqSet::index},
                    Field{"count", &VfioIrqSet::count});
}
static auto members(const VfioIrqWaitReply*) { return std::tuple(Field{"count", &VfioIrqWaitReply::count}); }
static auto members(const VfioIrqWait*) {
  return std::tuple(Field{"device", &VfioIrqWait::device}, Field{"index", &VfioIrqWait::index},
                    Field{"vector", &VfioIrqWait::vector}, Field{"wait_ms", &VfioIrqWait::wait_ms});
}
static auto members(const VfioReset*) { return std::tuple(Field{"device", &VfioReset::device}); }
static auto members(const MemfdCreate*) {
  return std::tuple(Field{"name", &MemfdCreate::name}, Field{"size", &MemfdCreate::size});
}
static auto members(const MemfdWrite*) {
  return std::tuple(Field{"memfd", &MemfdWrite::memfd}, Field{"offset", &MemfdWrite::offset});
}
static auto members(const MemfdRead*) {
  return std::tuple(Field{"memfd", &MemfdRead::memfd}, Field{"offset", &MemfdRead::offset},
                    Field{"length", &MemfdRead::length});
}

HOLDFAST_WIRE_REQUEST(VfioOpenCdev);
HOLDFAST_WIRE_REQUEST(VfioOpenGroup);
HOLDFAST_WIRE_REQUEST(IommufdOpen);
HOLDFAST_WIRE_REQUEST(NodeOpen);
HOLDFAST_WIRE_REQUEST(Close);
HOLDFAST_WIRE_REQUEST(VfioBindIommufd);
HOLDFAST_WIRE_REQUEST(IoasAlloc);
HOLDFAST_WIRE_REQUEST(VfioAttach);
HOLDFAST_WIRE_REQUEST(IoasMap);
HOLDFAST_WIRE_REQUEST(IoasUnmap);
HOLDFAST_WIRE_REQUEST(VfioInfo);
HOLDFAST_WIRE_REQUEST(VfioRead);
HOLDFAST_WIRE_REQUEST(VfioWrite);
HOLDFAST_WIRE_REQUEST(VfioIrqSet);
HOLDFAST_WIRE_REQUEST(VfioIrqWait);
HOLDFAST_WIRE_REQUEST(VfioReset);
HOLDFAST_WIRE_REQUEST(MemfdCreate);
HOLDFAST_WIRE_REQUEST(MemfdWrite);
HOLDFAST_WIRE_REQUEST(MemfdRead);

HOLDFAST_WIRE_REPLY(HandleReply);
HOLDFAST_WIRE_REPLY(VfioBindIommufdReply);
HOLDFAST_WIRE_REPLY(IoasAllocReply);
HOLDFAST_WIRE_REPLY(VfioInfoReply);
HOLDFAST_WIRE_REPLY(BytesReply);
HOLDFAST_WIRE_REPLY(VfioIrqWaitReply);

}  // namespace holdfast::wire
