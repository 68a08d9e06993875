// Which requests about the machine as a whole are served, and how?
#include "harness/agent/kernel_log.h"
#include "harness/agent/offers.h"
#include "harness/agent/registry.h"

namespace holdfast::agent {
namespace {

Result<wire::KmsgReply> kmsg(State&, const wire::Kmsg& request) { return read_kernel_log(request.from_seq); }

Result<wire::HaveReply> have(State& state, const wire::Have& request) {
  return wire::HaveReply{.have = state.files.find(request.sha256).has_value()};
}

Result<wire::PutReply> put(State& state, const wire::Put& request) { return state.files.put(request); }

Result<wire::Hello> hello(State& state, const wire::Hello&) { return state.hello; }

}  // namespace

void add_system_verbs(Registry& registry) {
  registry.add(hello);
  registry.add(look_at_offers);
  registry.add(kmsg);
  registry.add(have);
  registry.add(put);
}

}  // namespace holdfast::agent
