// What a target's agent, or whatever has become of it, sends to the controller.
#include "harness/agent_client.h"
#include "harness/base/text.h"
#include "harness/pci/pci.h"
#include "harness/wire/verbs_crash.h"
#include "harness/wire/verbs_host.h"
#include "harness/wire/verbs_pci.h"
#include "harness/wire/verbs_system.h"
#include "harness/wire/verbs_vfio.h"
#include "tools/fuzzing/spoken.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

void take_list(const Result<wire::PciListReply>& reply) {
  if (!reply) return;
  const auto snapshot = PciSnapshot::from(*reply);
  if (!snapshot) return;
  promise(compare(*snapshot, *snapshot, {}).empty(), "what is the same has not changed");
  const std::string text = snapshot->to_lspci_text();
  promise(printable(text) == text, "a snapshot can be shown");
}

void read(std::string_view bytes) {
  Spoken target = spoken(bytes);
  const Deadline soon = Deadline::after(Millis(2000));
  auto agent = LinkAgent::adopt(std::move(target.near), soon);
  if (!agent) return;
  Agent& a = **agent;
  take_list(a.call(wire::PciList{}, soon));
  static_cast<void>(a.call(wire::Kmsg{}, soon));
  static_cast<void>(a.call(wire::Offers{}, soon));
  static_cast<void>(a.call(wire::HostFacts{}, soon));
  static_cast<void>(a.call(wire::Vmcore{}, soon));
  static_cast<void>(a.call(wire::VfioInfo{}, soon));
  static_cast<void>(a.leave(soon));
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  const auto frame = [](const wire::Message& message) { return wire::encode_frame(message); };
  wire::Hello hello;
  hello.boot_id = "A";
  hello.release = "7.3.0";
  wire::PciListReply list;
  list.functions.resize(1);
  list.functions[0].bdf = "0000:03:00.0";
  list.functions[0].config_size = 64;
  list.functions[0].resources = {{1, 2, 3}};
  list.blob.resize(64);
  const std::string begin = frame(wire::make_event(hello));
  const std::string whole =
      begin + frame(wire::make_reply(1, list)) + frame(wire::make_reply(2, wire::KmsgReply{})) +
      frame(wire::make_reply(3, wire::OffersReply{})) + frame(wire::make_reply(4, wire::HostFactsReply{})) +
      frame(wire::make_reply(5, wire::VmcoreReply{})) + frame(wire::make_reply(6, wire::VfioInfoReply{})) +
      frame(wire::make_event(wire::Leaving{}));
  return {whole, "noise" + whole,
          begin + frame(wire::make_refusal(1, {.origin = "kernel", .errnum = 16, .what = "no"})),
          begin + frame(wire::make_event(hello)) + frame(wire::make_reply(9, wire::Empty{})),
          begin + frame(wire::make_reply(1, list)).substr(0, 60)};
}

}  // namespace

Target wire_controller_target() { return {.name = "wire-controller", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
