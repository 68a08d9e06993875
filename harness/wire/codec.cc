// How do typed requests and replies become messages, and back? The envelope, and what all bodies have in common.
#include "harness/wire/codec.h"

#include <array>

#include "harness/base/nesting.h"
#include "harness/wire/codec_json.h"

namespace holdfast::wire {
namespace {

/// Deeper than any message of this protocol; parsing, copying and printing a tree of this depth needs little stack.
constexpr int kMaxDepth = 24;

Error wire_error(std::string what) { return harness_error("wire", std::move(what)); }

/// `text`, short enough for a sentence.
std::string excerpt(std::string_view text) {
  constexpr size_t kShown = 60;
  return text.size() <= kShown ? std::string(text) : fmt::format("{}...", text.substr(0, kShown));
}

Result<std::string> body_of(const Json& tree, const char* key) {
  const Json& body = tree[key];
  if (!body.is_object()) return wrong_member(key, "is no object");
  return to_text(body);
}

Result<Refusal> refusal_of(const Json& error) {
  if (!error.is_object()) return wrong_member("error", "is no object");
  Refusal refusal;
  TRY(read_member(error, refusal, Field{"origin", &Refusal::origin}, "error"));
  TRY(read_member(error, refusal, Field{"errno", &Refusal::errnum}, "error"));
  TRY(read_member(error, refusal, Field{"what", &Refusal::what}, "error"));
  return refusal;
}

Result<Envelope> envelope_of(const Json& tree) {
  constexpr std::array kKeys{"verb", "ok", "error", "event"};
  const char* key = nullptr;
  for (const char* candidate : kKeys) {
    if (!tree.contains(candidate)) continue;
    if (key != nullptr) return wire_error(fmt::format("a message has both \"{}\" and \"{}\"", key, candidate));
    key = candidate;
  }
  if (key == nullptr) return wire_error("a message is neither request, reply, refusal nor event");
  const std::string_view kind = key;
  Envelope envelope;
  if (kind == "event") {
    envelope.kind = Envelope::Kind::kEvent;
    TRY(from_json_value(tree[key], envelope.name, key));
    if (!tree.contains("body")) return wrong_member("body", "is missing");
    envelope.body = TRY(body_of(tree, "body"));
    return envelope;
  }
  TRY(read_member(tree, envelope, Field{"id", &Envelope::id}, ""));
  if (kind == "error") {
    envelope.kind = Envelope::Kind::kRefusal;
    envelope.refusal = TRY(refusal_of(tree[key]));
  } else if (kind == "ok") {
    envelope.kind = Envelope::Kind::kReply;
    envelope.body = TRY(body_of(tree, "ok"));
  } else {
    envelope.kind = Envelope::Kind::kRequest;
    TRY(from_json_value(tree[key], envelope.name, key));
    if (!tree.contains("args")) return wrong_member("args", "is missing");
    envelope.body = TRY(body_of(tree, "args"));
  }
  return envelope;
}

}  // namespace

Error wrong_member(const std::string& where, std::string_view why) {
  return wire_error(where.empty() ? fmt::format("the body {}", why) : fmt::format("member \"{}\" {}", where, why));
}

std::string to_text(const Json& tree) { return tree.dump(-1, ' ', false, Json::error_handler_t::replace); }

Result<Json> parse_object(std::string_view text) {
  if (nests_deeper_than(text, kMaxDepth))
    return wire_error(fmt::format("a message is nested deeper than {} levels", kMaxDepth));
  try {
    Json tree = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!tree.is_object()) return wire_error(fmt::format("a message is no JSON object: {}", excerpt(text)));
    return tree;
  } catch (const std::exception& failed) {  // the library's own, or no memory
    return wire_error(fmt::format("a message could not be read: {}", failed.what()));
  }
}

Result<void> from_json_value(const Json& from, bool& value, const std::string& where) {
  if (!from.is_boolean()) return wrong_member(where, "is neither true nor false");
  value = from.get<bool>();
  return {};
}

Result<void> from_json_value(const Json& from, std::string& value, const std::string& where) {
  if (!from.is_string()) return wrong_member(where, "is no text");
  value = from.get_ref<const std::string&>();
  return {};
}

Result<void> from_json_value(const Json& from, std::map<std::string, std::string>& value, const std::string& where) {
  if (!from.is_object()) return wrong_member(where, "is no object");
  value.clear();
  for (const auto& [key, item] : from.items()) {
    TRY(from_json_value(item, value[key], fmt::format("{}.{}", where, key)));
  }
  return {};
}

Result<Envelope> open_envelope(const Message& message) {
  const Json tree = TRY(parse_object(message.text));
  return envelope_of(tree);
}

Message make_refusal(uint64_t id, const Refusal& refusal) {
  const Json error{{"origin", refusal.origin}, {"errno", refusal.errnum}, {"what", refusal.what}};
  return {.text = to_text(Json{{"id", id}, {"error", error}}), .blob = {}};
}

}  // namespace holdfast::wire
