// How does a plain struct become JSON, and back? Private to codec*.cc: the JSON library is known here and there alone.
//
// A struct is described once, by a function `members(const T*)` beside the instantiation of its codec, that gives a
// tuple of Fields. Its `blob`, should it have one, is not described: it travels beside the JSON.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "harness/wire/codec.h"

namespace holdfast::wire {

using Json = nlohmann::json;

template <class T, class M>
struct Field {
  const char* name;
  M T::* at;
};
template <class T, class M>
Field(const char*, M T::*) -> Field<T, M>;

template <class T>
concept Described = requires(const T* type) { members(type); };
template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

/// The error for a member that is not as it must be; `where` is its path in the body.
Error wrong_member(const std::string& where, std::string_view why);
/// The whole text of a message. Bytes that are no UTF-8 become U+FFFD.
std::string to_text(const Json& tree);
/// Errors: harness.wire when the text is no JSON object or nested deeper than any message is. Never throws.
Result<Json> parse_object(std::string_view text);

// ---- to JSON

template <class T>
  requires Number<T> || std::same_as<T, bool> || std::same_as<T, std::string>
Json to_json_value(const T& value) {
  return value;
}
inline Json to_json_value(const std::map<std::string, std::string>& value) { return value; }
template <class T>
Json to_json_value(const std::vector<T>& value);
template <Described T>
Json to_json_value(const T& value) {
  Json tree = Json::object();
  std::apply([&](const auto&... field) { ((tree[field.name] = to_json_value(value.*field.at)), ...); },
             members(&value));
  return tree;
}
template <class T>
Json to_json_value(const std::vector<T>& value) {
  Json list = Json::array();
  for (const T& item : value) list.push_back(to_json_value(item));
  return list;
}

// ---- from JSON

template <Number T>
Result<void> from_json_value(const Json& from, T& value, const std::string& where) {
  const bool fits = from.is_number_unsigned() ? std::in_range<T>(from.get<uint64_t>())
                                              : from.is_number_integer() && std::in_range<T>(from.get<int64_t>());
  if (!fits) {
    return wrong_member(where, fmt::format("is no whole number from {} to {}", std::numeric_limits<T>::min(),
                                           std::numeric_limits<T>::max()));
  }
  value = from.get<T>();
  return {};
}
Result<void> from_json_value(const Json& from, bool& value, const std::string& where);
Result<void> from_json_value(const Json& from, std::string& value, const std::string& where);
Result<void> from_json_value(const Json& from, std::map<std::string, std::string>& value, const std::string& where);
template <Described T>
Result<void> from_json_value(const Json& from, T& value, const std::string& where);

template <class T>
Result<void> from_json_value(const Json& from, std::vector<T>& value, const std::string& where) {
  if (!from.is_array()) return wrong_member(where, "is no list");
  value.clear();
  for (const Json& item : from) {
    T one{};
    TRY(from_json_value(item, one, fmt::format("{}[{}]", where, value.size())));
    value.push_back(std::move(one));
  }
  return {};
}

/// Reads one member of the object `from` into `value`.
template <class T, class M>
Result<void> read_member(const Json& from, T& value, const Field<T, M>& field, const std::string& where) {
  const std::string path = where.empty() ? field.name : fmt::format("{}.{}", where, field.name);
  const auto found = from.find(field.name);
  if (found == from.end()) return wrong_member(path, "is missing");
  return from_json_value(*found, value.*field.at, path);
}

template <Described T>
Result<void> from_json_value(const Json& from, T& value, const std::string& where) {
  if (!from.is_object()) return wrong_member(where, "is no object");
  Result<void> read;
  std::apply([&](const auto&... field) { return ((read = read_member(from, value, field, where)).ok() && ...); },
             members(&value));
  return read;
}

// ---- whole messages

/// A message whose JSON text is `head` with the member `key` added, and whose blob is that of `body`, if it has one.
template <class T>
Message make_message(Json head, const char* key, const T& body) {
  head[key] = to_json_value(body);
  Message message{.text = to_text(head), .blob = {}};
  if constexpr (requires { body.blob; }) message.blob = body.blob;
  return message;
}

template <class T>
Message make_request(uint64_t id, const T& request) {
  return make_message({{"id", id}, {"verb", std::string(T::kVerb)}}, "args", request);
}

template <class T>
Message make_reply(uint64_t id, const T& reply) {
  return make_message({{"id", id}}, "ok", reply);
}

template <class T>
Message make_event(const T& event) {
  return make_message({{"event", std::string(T::kEvent)}}, "body", event);
}

template <class T>
Result<T> decode(const Envelope& envelope, Bytes blob) {
  const std::string context = envelope.name.empty() ? "a reply" : envelope.name;
  const Json tree = TRY_IN(context, parse_object(envelope.body));
  T value{};
  TRY_IN(context, from_json_value(tree, value, ""));
  if constexpr (requires { value.blob; }) {
    value.blob = std::move(blob);
  } else {
    blob.clear();  // nobody asked for it
  }
  return value;
}

// Each codec_*.cc instantiates what its verb header declares.
#define HOLDFAST_WIRE_REQUEST(Type)                           \
  template Message make_request<Type>(uint64_t, const Type&); \
  template Result<Type> decode<Type>(const Envelope&, Bytes)
#define HOLDFAST_WIRE_REPLY(Type)                           \
  template Message make_reply<Type>(uint64_t, const Type&); \
  template Result<Type> decode<Type>(const Envelope&, Bytes)

}  // namespace holdfast::wire
