// Which requests about the machine as a whole are served, and how?
#include <fmt/format.h>

#include "harness/agent/identity.h"
#include "harness/agent/kernel_log.h"
#include "harness/agent/offers.h"
#include "harness/agent/refusal.h"
#include "harness/agent/registry.h"
#include "harness/agent/resources.h"
#include "harness/wire/verbs_clock.h"

namespace holdfast::agent {
namespace {

Result<wire::KmsgReply> kmsg(State&, const wire::Kmsg& request) { return read_kernel_log(request.from_seq); }

Result<wire::HaveReply> have(State& state, const wire::Have& request) {
  return wire::HaveReply{.have = state.files.find(request.sha256).has_value()};
}

Result<wire::PutReply> put(State& state, const wire::Put& request) { return state.files.put(request); }

/// What would be lost, if anything.
std::string what_is_held(const State& state) {
  if (!state.handles.empty()) return "open files";
  if (!state.holders.empty()) return "processes that hold files";
  if (!state.drivers.unchanged()) return "drivers that it changed";
  if (!state.busy.empty()) return "devices at work";
  if (state.liveupdate) return "/dev/liveupdate";
  return {};
}

Result<wire::Empty> retire(State& state, const wire::Retire&) {
  if (state.hello.is_init) return bad_request("retire is not for an agent that is its machine's init");
  const std::string held = what_is_held(state);
  if (!held.empty()) return bad_request(fmt::format("the agent does not end: it has {}", held));
  state.after_reply = [stop = state.stop] { stop->request(); };
  return wire::Empty{};
}

Result<wire::ClockReply> clock(State&, const wire::Clock&) {
  return wire::ClockReply{.now_ms = uptime_ms(), .began_ms = began_ms()};
}

Result<wire::ResourcesReply> resources(State&, const wire::Resources&) { return read_resources("/"); }

Result<wire::Hello> hello(State& state, const wire::Hello&) { return state.hello; }

}  // namespace

void add_system_verbs(Registry& registry) {
  registry.add(hello);
  registry.add(clock);
  registry.add(resources);
  registry.add(look_at_offers);
  registry.add(kmsg);
  registry.add(have);
  registry.add(put);
  registry.add(retire);
}

}  // namespace holdfast::agent
