// Which members do the messages of verbs_system.h have?
#include "harness/wire/codec_json.h"
#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

static auto members(const Empty*) { return std::tuple(); }
static auto members(const Hello*) {
  return std::tuple(Field{"protocol", &Hello::protocol}, Field{"agent_build", &Hello::agent_build},
                    Field{"boot_id", &Hello::boot_id}, Field{"release", &Hello::release},
                    Field{"version", &Hello::version}, Field{"cmdline", &Hello::cmdline},
                    Field{"build_id", &Hello::build_id}, Field{"uptime_ms", &Hello::uptime_ms},
                    Field{"is_init", &Hello::is_init}, Field{"warnings", &Hello::warnings});
}
static auto members(const Leaving*) { return std::tuple(Field{"uptime_ms", &Leaving::uptime_ms}); }
static auto members(const Offers*) { return std::tuple(Field{"config_symbols", &Offers::config_symbols}); }
static auto members(const OffersReply*) {
  return std::tuple(
      Field{"kexec_file", &OffersReply::kexec_file}, Field{"kho", &OffersReply::kho},
      Field{"liveupdate", &OffersReply::liveupdate}, Field{"liveupdate_errno", &OffersReply::liveupdate_errno},
      Field{"liveupdate_holder", &OffersReply::liveupdate_holder}, Field{"iommufd", &OffersReply::iommufd},
      Field{"vfio_pci", &OffersReply::vfio_pci}, Field{"vfio_group", &OffersReply::vfio_group},
      Field{"iommu_groups", &OffersReply::iommu_groups}, Field{"config", &OffersReply::config});
}
static auto members(const Kmsg*) { return std::tuple(Field{"from_seq", &Kmsg::from_seq}); }
static auto members(const KmsgReply*) {
  return std::tuple(Field{"next_seq", &KmsgReply::next_seq}, Field{"complete", &KmsgReply::complete});
}
static auto members(const Have*) { return std::tuple(Field{"sha256", &Have::sha256}); }
static auto members(const HaveReply*) { return std::tuple(Field{"have", &HaveReply::have}); }
static auto members(const Put*) {
  return std::tuple(Field{"sha256", &Put::sha256}, Field{"total_size", &Put::total_size},
                    Field{"offset", &Put::offset});
}
static auto members(const PutReply*) { return std::tuple(Field{"received", &PutReply::received}); }
static auto members(const KexecLoad*) {
  return std::tuple(Field{"kernel", &KexecLoad::kernel}, Field{"initrd", &KexecLoad::initrd},
                    Field{"cmdline", &KexecLoad::cmdline});
}
static auto members(const KexecUnload*) { return std::tuple(); }
static auto members(const KexecExecute*) { return std::tuple(Field{"rest_disks", &KexecExecute::rest_disks}); }
static auto members(const Retire*) { return std::tuple(); }
static auto members(const PowerOff*) { return std::tuple(); }
static auto members(const SysfsWrite*) {
  return std::tuple(Field{"path", &SysfsWrite::path}, Field{"text", &SysfsWrite::text},
                    Field{"wait_ms", &SysfsWrite::wait_ms});
}
static auto members(const SysfsWriteReply*) {
  return std::tuple(Field{"done", &SysfsWriteReply::done}, Field{"errnum", &SysfsWriteReply::errnum},
                    Field{"job", &SysfsWriteReply::job});
}
static auto members(const SysfsWait*) {
  return std::tuple(Field{"job", &SysfsWait::job}, Field{"wait_ms", &SysfsWait::wait_ms});
}

HOLDFAST_WIRE_REQUEST(Hello);
template Message make_reply<Hello>(uint64_t, const Hello&);
template Message make_event<Hello>(const Hello&);
template Message make_event<Leaving>(const Leaving&);
template Result<Leaving> decode<Leaving>(const Envelope&, Bytes);
HOLDFAST_WIRE_REQUEST(Offers);
HOLDFAST_WIRE_REQUEST(Kmsg);
HOLDFAST_WIRE_REQUEST(Have);
HOLDFAST_WIRE_REQUEST(Put);
HOLDFAST_WIRE_REQUEST(KexecLoad);
HOLDFAST_WIRE_REQUEST(KexecUnload);
HOLDFAST_WIRE_REQUEST(KexecExecute);
HOLDFAST_WIRE_REQUEST(Retire);
HOLDFAST_WIRE_REQUEST(PowerOff);
HOLDFAST_WIRE_REQUEST(SysfsWrite);
HOLDFAST_WIRE_REQUEST(SysfsWait);

HOLDFAST_WIRE_REPLY(Empty);
HOLDFAST_WIRE_REPLY(OffersReply);
HOLDFAST_WIRE_REPLY(KmsgReply);
HOLDFAST_WIRE_REPLY(HaveReply);
HOLDFAST_WIRE_REPLY(PutReply);
HOLDFAST_WIRE_REPLY(SysfsWriteReply);

}  // namespace holdfast::wire
