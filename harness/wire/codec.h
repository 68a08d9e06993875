// How do typed requests and replies become messages, and back?
//
// Request text:  {"id": 7, "verb": "bind", "args": {...}}
// Reply text:    {"id": 7, "ok": {...}}
//            or  {"id": 7, "error": {"origin": "kernel"|"target"|"agent", "errno": 16, "what": "..."}}
// Event text:    {"event": "hello"|"leaving", "body": {...}}
//
// A struct with a member `blob` sends it as the frame's blob. The JSON library is known to codec.cc alone, which
// instantiates these templates for every type in the verb headers.
#pragma once

#include <cstdint>
#include <string>

#include "harness/base/result.h"
#include "harness/wire/frame.h"

namespace holdfast::wire {

/// What the agent says when it cannot do what was asked. `origin` "kernel": a system call answered `errnum`;
/// "target": something else on that machine did (no space for a file); "agent": the request itself was wrong (unknown
/// verb, unknown handle, malformed). A refusal of what could not even be read has the id 0.
struct Refusal {
  std::string origin;
  int errnum = 0;
  std::string what;
};

/// The first look at a message, before its body is decoded.
struct Envelope {
  enum class Kind { kRequest, kReply, kRefusal, kEvent };
  Kind kind = Kind::kRequest;
  uint64_t id = 0;   ///< request, reply and refusal
  std::string name;  ///< the verb of a request, the name of an event
  std::string body;  ///< JSON text of args, ok or body
  Refusal refusal;   ///< for kRefusal
};

/// Errors: harness.wire when the text is no envelope.
Result<Envelope> open_envelope(const Message& message);

/// `name` is taken from T::kVerb.
template <class T>
Message make_request(uint64_t id, const T& request);
template <class T>
Message make_reply(uint64_t id, const T& reply);
Message make_refusal(uint64_t id, const Refusal& refusal);
/// `name` is taken from T::kEvent.
template <class T>
Message make_event(const T& event);

/// Decodes a body; every member must be there with the right type, unknown ones are ignored so that a newer end may
/// say more. Errors: harness.wire, naming the member.
template <class T>
Result<T> decode(const Envelope& envelope, Bytes blob);

}  // namespace holdfast::wire
