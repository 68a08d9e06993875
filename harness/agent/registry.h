// Which handler serves which verb?
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/agent/refusal.h"
#include "harness/agent/state.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {

/// All verbs of this agent. A handler is a function `Result<Request::Reply>(State&, const Request&)`.
class Registry {
 public:
  template <class Request>
  void add(Result<typename Request::Reply> (*handler)(State&, const Request&)) {
    handlers_.emplace(
        std::string(Request::kVerb),
        [handler](State& state, const wire::Envelope& envelope, wire::Bytes blob) -> Result<wire::Message> {
          const auto request = TRY(wire::decode<Request>(envelope, std::move(blob)));
          return wire::make_reply(envelope.id, TRY(handler(state, request)));
        });
  }

  /// The reply to a request, or its refusal; what is no request gets a refusal too, but for an event, which gets
  /// nothing. It fits in a frame.
  std::optional<wire::Message> serve(State& state, wire::Message request) const;

 private:
  using Handler = std::function<Result<wire::Message>(State&, const wire::Envelope&, wire::Bytes)>;
  Result<wire::Message> dispatch(State& state, const wire::Envelope& envelope, wire::Bytes blob) const;
  std::map<std::string, Handler, std::less<>> handlers_;
};

/// Each file of handlers adds its own.
void add_system_verbs(Registry& registry);
void add_kexec_verbs(Registry& registry);
void add_pci_verbs(Registry& registry);
void add_vfio_verbs(Registry& registry);
void add_iommufd_verbs(Registry& registry);
void add_irq_verbs(Registry& registry);
void add_memfd_verbs(Registry& registry);
void add_luo_verbs(Registry& registry);
void add_holder_verbs(Registry& registry);
void add_register_verbs(Registry& registry);
void add_crash_verbs(Registry& registry);
void add_host_verbs(Registry& registry);

/// With the verbs of all of them.
Registry all_verbs();

}  // namespace holdfast::agent
