// What a controller, or whoever has got at the socket, sends to an agent.
//
// All of the agent's verbs are decoded, and none is done but `put`, which keeps files in a folder of its own.
#include "harness/agent/files.h"
#include "harness/agent/refusal.h"
#include "harness/agent/registry.h"
#include "harness/base/file.h"
#include "harness/wire/verbs_clock.h"
#include "harness/wire/verbs_crash.h"
#include "harness/wire/verbs_fork.h"
#include "harness/wire/verbs_holder.h"
#include "harness/wire/verbs_host.h"
#include "harness/wire/verbs_luo.h"
#include "harness/wire/verbs_pci.h"
#include "harness/wire/verbs_registers.h"
#include "harness/wire/verbs_system.h"
#include "harness/wire/verbs_vfio.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

template <class Request>
Result<typename Request::Reply> decline(agent::State&, const Request&) {
  return agent::kernel_refused("the request", EBUSY);
}

Result<wire::PutReply> keep(agent::State& state, const wire::Put& piece) { return state.files.put(piece); }

template <class... Requests>
agent::Registry declining() {
  agent::Registry registry;
  (registry.add<Requests>(&decline<Requests>), ...);
  registry.add<wire::Put>(&keep);
  return registry;
}

const agent::Registry& registry() {
  using namespace wire;
  static const agent::Registry kRegistry =
      declining<Clock, CrashLoad, CrashNow, Vmcore, Begin, HolderStart, HolderKill, HostFacts, LuoSessionCreate,
                LuoSessionRetrieve, LuoPreserve, LuoRetrieve, LuoFinish, PciList, VfioBind, DriverRestore,
                PciConfigWrite, PciBarRead, VfioAwait, VfioKeepBusy, Hello, Offers, Kmsg, Have, KexecLoad, KexecUnload,
                KexecExecute, Retire, PowerOff, SysfsWrite, SysfsWait, VfioOpenCdev, VfioOpenGroup, IommufdOpen,
                NodeOpen, Close, VfioBindIommufd, IoasAlloc, VfioAttach, IoasMap, IoasUnmap, VfioInfo, VfioRead,
                VfioWrite, VfioIrqSet, VfioIrqWait, VfioReset, MemfdCreate, MemfdWrite, MemfdRead>();
  return kRegistry;
}

void read(std::string_view bytes) {
  static const TempDir kWork = *TempDir::create("holdfast-fuzz");
  agent::State state({}, agent::Files(kWork.path() / "carried", kWork.path() / "work"), nullptr);
  wire::FrameReader reader;
  const size_t piece = 1 + bytes.size() % 61;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    while (auto came = reader.next()) {
      auto* message = std::get_if<wire::Message>(&*came);
      if (message == nullptr) continue;
      const auto reply = registry().serve(state, std::move(*message));
      promise(!reply || wire::fits(*reply), "an answer fits in a frame");
    }
    promise(reader.buffered() <= bytes.size(), "no more is kept than came");
  }
  state.files.remove_work();
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  const auto frame = [](const wire::Message& message) { return wire::encode_frame(message); };
  const std::string sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  wire::VfioBind bind;
  bind.bdf = "0000:03:00.0";
  wire::Put put;
  put.sha256 = sum;
  put.total_size = 3;
  put.blob = {std::byte{'a'}, std::byte{'b'}};
  const std::string whole = frame(wire::make_request(1, wire::Hello{})) +
                            frame(wire::make_request(2, wire::PciList{})) + frame(wire::make_request(3, bind)) +
                            frame(wire::make_request(4, put)) + frame(wire::make_request(5, wire::KexecLoad{})) +
                            frame(wire::make_request(6, wire::VfioRead{}));
  return {
      whole, whole.substr(30), "noise HFW1" + whole, frame({.text = R"({"id":1,"verb":"bidn","args":{}})", .blob = {}}),
      frame({.text = R"({"id":1,"verb":"put","args":{"sha256":"../../x","total_size":1,"offset":0}})", .blob = {}})};
}

}  // namespace

Target wire_agent_target() { return {.name = "wire-agent", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
