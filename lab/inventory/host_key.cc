// Is this text the public key of an SSH server?
#include "lab/inventory/host_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "harness/base/text.h"
#include "lab/inventory/toml_table.h"

namespace holdfast::lab {
namespace {

const std::vector<std::string>& known_types() {
  static const std::vector<std::string> types{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                              "ecdsa-sha2-nistp521", "ssh-rsa"};
  return types;
}

bool is_known(std::string_view type) { return std::ranges::find(known_types(), type) != known_types().end(); }

/// RFC 4648, section 4, padding included.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

/// The strings that a key consists of, each behind its length; nothing when the last one is cut short.
std::optional<std::vector<std::string>> fields_of(std::string_view bytes) {
  std::vector<std::string> fields;
  while (!bytes.empty()) {
    if (bytes.size() < 4) return std::nullopt;
    size_t length = 0;
    for (const char c : bytes.substr(0, 4)) length = length << 8 | static_cast<unsigned char>(c);
    bytes.remove_prefix(4);
    if (length > bytes.size()) return std::nullopt;
    fields.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return fields;
}

}  // namespace

Result<std::string> parse_host_key(std::string_view text) {
  std::vector<std::string_view> words;
  for (const std::string_view word : split(trim(text), ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() < 2) return usage_error("the type of a key and the key are expected: \"ssh-ed25519 AAAA...\"");
  if (!is_known(words[0]) && is_known(words[1])) {
    return usage_error(fmt::format("leave out '{}' before the type of the key", words[0]));
  }
  const std::string type(words[0]);
  if (!is_known(type)) {
    return usage_error(fmt::format("no type of key is called '{}'{}", type, did_you_mean(type, known_types(), '\'')));
  }
  const auto bytes = decode_base64(words[1]);
  if (!bytes) return usage_error("what follows the type is not base64, or was cut short");
  const auto fields = fields_of(*bytes);
  if (!fields || fields->size() < 2) return usage_error("the key was cut short");
  if (fields->front() != type) {
    return usage_error(fmt::format("the key says that it is of type '{}', not '{}'", fields->front(), type));
  }
  return fmt::format("{} {}", type, words[1]);
}

}  // namespace holdfast::lab
