// Which members do the messages of verbs_pci.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_pci.h"

namespace holdfast::wire {

static auto members(const PciResource*) {
  return std::tuple(Field{"start", &PciResource::start}, Field{"end", &PciResource::end},
                    Field{"flags", &PciResource::flags});
}
static auto members(const PciFunction*) {
  return std::tuple(Field{"bdf", &PciFunction::bdf}, Field{"path", &PciFunction::path},
                    Field{"vendor", &PciFunction::vendor}, Field{"device", &PciFunction::device},
                    Field{"class_code", &PciFunction::class_code}, Field{"driver", &PciFunction::driver},
                    Field{"iommu_group", &PciFunction::iommu_group},
                    Field{"reset_methods", &PciFunction::reset_methods}, Field{"resources", &PciFunction::resources},
                    Field{"config_size", &PciFunction::config_size});
}
static auto members(const PciList*) { return std::tuple(); }
static auto members(const PciListReply*) { return std::tuple(Field{"functions", &PciListReply::functions}); }
static auto members(const DriverBefore*) {
  return std::tuple(Field{"bdf", &DriverBefore::bdf}, Field{"driver", &DriverBefore::driver},
                    Field{"override", &DriverBefore::override_});
}
static auto members(const VfioBind*) {
  return std::tuple(Field{"bdf", &VfioBind::bdf}, Field{"wait_ms", &VfioBind::wait_ms});
}
static auto members(const VfioBindReply*) { return std::tuple(Field{"before", &VfioBindReply::before}); }
static auto members(const DriverRestore*) {
  return std::tuple(Field{"before", &DriverRestore::before}, Field{"wait_ms", &DriverRestore::wait_ms});
}

HOLDFAST_WIRE_REQUEST(PciList);
HOLDFAST_WIRE_REQUEST(VfioBind);
HOLDFAST_WIRE_REQUEST(DriverRestore);

HOLDFAST_WIRE_REPLY(PciListReply);
HOLDFAST_WIRE_REPLY(VfioBindReply);

}  // namespace holdfast::wire
