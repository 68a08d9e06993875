// Which handler serves which verb?
#include "harness/agent/registry.h"

#include <fmt/format.h>

#include <cerrno>

#include "harness/base/text.h"

namespace holdfast::agent {

Result<wire::Message> Registry::dispatch(State& state, const wire::Envelope& envelope, wire::Bytes blob) const {
  const auto found = handlers_.find(envelope.name);
  if (found != handlers_.end()) return found->second(state, envelope, std::move(blob));
  std::vector<std::string> known;
  for (const auto& [verb, handler] : handlers_) known.push_back(verb);
  const auto meant = nearest(envelope.name, known);
  return bad_request(fmt::format("there is no verb \"{}\"{}", last_lines(printable(envelope.name), 1).substr(0, 64),
                                 meant ? fmt::format("; the nearest is \"{}\"", *meant) : ""));
}

std::optional<wire::Message> Registry::serve(State& state, wire::Message request) const {
  const auto envelope = wire::open_envelope(request);
  if (!envelope) return wire::make_refusal(0, to_refusal(envelope.error()));
  if (envelope->kind == wire::Envelope::Kind::kEvent) return std::nullopt;
  if (envelope->kind != wire::Envelope::Kind::kRequest) {
    return wire::make_refusal(0, to_refusal(bad_request("the agent takes requests only")));
  }
  const Occupation::Busy busy(*state.occupation, envelope->name);
  auto reply = dispatch(state, *envelope, std::move(request.blob));
  if (!reply) {
    wire::Refusal refusal = to_refusal(reply.error());
    constexpr size_t kLongestSentence = 16384;
    if (refusal.what.size() > kLongestSentence) refusal.what.resize(kLongestSentence);
    return wire::make_refusal(envelope->id, refusal);
  }
  if (wire::fits(*reply)) return std::move(*reply);
  return wire::make_refusal(
      envelope->id, {.origin = "agent",
                     .errnum = EMSGSIZE,
                     .what = fmt::format("the reply to {} does not fit in a frame: {} bytes of text, {} of blob",
                                         envelope->name, reply->text.size(), reply->blob.size())});
}

}  // namespace holdfast::agent
