// How is one controller served, from its hello to its end?
#include "harness/agent/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

/// The channel whose request is being served, for as long as this lives. What was to be done after a reply that did not
/// get through is not done: whoever asked does not know that it was granted.
class Serving {
 public:
  Serving(State& state, Channel& channel) : state_(state) { state_.channel = &channel; }
  ~Serving() {
    state_.channel = nullptr;
    state_.after_reply = nullptr;
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

 private:
  State& state_;
};

std::optional<wire::Message> answer(State& state, const Registry& registry, Channel::Incoming incoming) {
  if (auto* malformed = std::get_if<wire::Malformed>(&incoming)) {
    return wire::make_refusal(0, to_refusal(bad_request(std::move(malformed->why))));
  }
  return registry.serve(state, std::move(std::get<wire::Message>(incoming)));
}

}  // namespace

void say(std::string_view line) {
  static_cast<void>(write_all(STDERR_FILENO, fmt::format("holdfast-agent: {}\n", line)));
}

void serve_peer(State& state, const Registry& registry, Channel& channel) {
  const Serving serving(state, channel);
  if (!channel.send(wire::make_event(state.hello))) return;
  while (auto incoming = channel.receive(Deadline::never(state.stop))) {
    const auto reply = answer(state, registry, std::move(*incoming));
    if (reply && !channel.send(*reply)) return;
    if (const auto then = std::exchange(state.after_reply, nullptr)) then();
  }
}

}  // namespace holdfast::agent
