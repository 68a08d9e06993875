// How is a table of an inventory read so that no mistake in it goes unnoticed?
#include "lab/inventory/toml_table.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace fs = std::filesystem;
namespace {

std::string place(const std::string& name, const toml::source_position& at) {
  return fmt::format("{}:{}:{}", name, at.line, at.column);
}

TomlNode copied(const toml::node& node, const std::string& name);

/// toml++ sorts by key; the first mistake in the file is the one to mend first.
std::vector<TomlMember> members_of(const toml::table& table, const std::string& name) {
  using Found = std::pair<const toml::key*, const toml::node*>;
  std::vector<Found> found;
  for (const auto& [key, node] : table) found.emplace_back(&key, &node);
  std::ranges::sort(found, {}, [](const Found& one) {
    const auto& at = one.first->source().begin;
    return std::pair(at.line, at.column);
  });
  std::vector<TomlMember> members;
  for (const auto& [key, node] : found) {
    members.push_back({std::string(key->str()), place(name, key->source().begin), copied(*node, name)});
  }
  return members;
}

TomlNode copied(const toml::node& node, const std::string& name) {
  TomlNode copy;
  copy.at = place(name, node.source().begin);
  if (const auto* table = node.as_table()) {
    copy.value = members_of(*table, name);
  } else if (const auto* list = node.as_array()) {
    std::vector<TomlNode> elements;
    for (const toml::node& one : *list) elements.push_back(copied(one, name));
    copy.value = std::move(elements);
  } else if (const auto* text = node.as_string()) {
    copy.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    copy.value = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    copy.value = number->get();
  } else if (const auto* flag = node.as_boolean()) {
    copy.value = flag->get();
  }
  return copy;
}

std::vector<std::string> names_of(const Section& section) {
  std::vector<std::string> names;
  for (const KnownKey& key : section.keys) names.emplace_back(key.name);
  return names;
}

/// "sol exec" as its words in quotation marks.
std::vector<std::string> quoted_words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' ')) words.push_back(fmt::format("\"{}\"", word));
  return words;
}

}  // namespace

Result<TomlNode> parse_toml(std::string_view text, const std::string& name) {
  // Tables are read by recursion, and a line of dots ("a.a.a...") is as many of them: toml++ 3.3 sets no limit there.
  constexpr size_t kLongestLine = 4096;
  size_t number = 1;
  for (const std::string_view line : split(text, '\n')) {
    const toml::source_position end{static_cast<toml::source_index>(number++), kLongestLine + 1};
    if (line.size() > kLongestLine) {
      return error_at(place(name, end), fmt::format("no line may be longer than {} bytes", kLongestLine));
    }
  }
  try {
    return copied(toml::parse(text, name), name);
  } catch (const toml::parse_error& error) {
    return error_at(place(name, error.source().begin), error.description());
  }
}

Error error_at(std::string_view at, std::string_view what) {
  return usage_error(fmt::format("{}: {}", at, printable(what)));
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, char quote) {
  const auto close = nearest(word, known);
  return close ? fmt::format("; did you mean {0}{1}{0}?", quote, *close) : "";
}

Result<fs::path> resolve_path(const std::string& text, const fs::path& folder) {
  if (text != "~" && !text.starts_with("~/")) return (folder / text).lexically_normal();
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return usage_error(fmt::format("'{}' needs HOME, which is not set", text));
  return (fs::path(home) / (text.size() > 2 ? text.substr(2) : "")).lexically_normal();
}

Result<Table> Table::open(const TomlNode& node, const Section& section, const fs::path& folder) {
  const auto known = names_of(section);
  for (const TomlMember& member : std::get<std::vector<TomlMember>>(node.value)) {
    if (std::ranges::find(known, member.key) != known.end()) continue;
    const std::string hint = did_you_mean(member.key, known, '\'');
    return error_at(member.at, fmt::format("unknown key '{}'{}", member.key, hint))
        .because("known here: " + join(known, ", "));
  }
  return Table(node, section, folder);
}

const TomlMember* Table::member(std::string_view key) const {
  if (std::ranges::find(section_->keys, key, &KnownKey::name) == section_->keys.end()) std::abort();
  const auto& members = std::get<std::vector<TomlMember>>(node_->value);
  const auto found = std::ranges::find(members, key, &TomlMember::key);
  return found == members.end() ? nullptr : &*found;
}

const std::string& Table::at(std::string_view key) const {
  const TomlMember* member = this->member(key);
  return member == nullptr ? at() : member->node.at;
}

Error Table::error(std::string_view key, std::string_view what) const { return error_at(at(key), what); }

Error Table::missing(std::string_view key) const {
  return error_at(at(), fmt::format("{} has no {}", section_->title, key));
}

Result<std::string> Table::choice(std::string_view key, const std::vector<std::string>& known) const {
  std::string word = TRY(required_text(key));
  if (std::ranges::find(known, word) != known.end()) return word;
  return error(key, fmt::format("no {} is called \"{}\"{}", key, word, did_you_mean(word, known, '"')))
      .because("known: " + join(known, ", "));
}

Result<std::string> Table::choice(std::string_view key, const std::vector<std::string>& known,
                                  std::string_view otherwise) const {
  if (!has(key)) return std::string(otherwise);
  return choice(key, known);
}

Result<std::string> Table::type(const std::vector<std::string>& known) const {
  if (!has("type")) return missing("type").because("known: " + join(known, ", "));
  std::string type = TRY(choice("type", known));
  for (const TomlMember& member : std::get<std::vector<TomlMember>>(node_->value)) {
    const auto key = std::ranges::find(section_->keys, member.key, &KnownKey::name);
    const std::string own = fmt::format("\"{}\"", type);
    const auto types = quoted_words(key->types);
    if (key->types.empty() || std::ranges::find(types, own) != types.end()) continue;
    return error_at(member.at, fmt::format("{} goes with type {}, not with {}", member.key, join(types, " or "), own));
  }
  return type;
}

Result<std::string> Table::text_in(std::string_view key, const TomlNode& node) const {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) return error_at(node.at, fmt::format("{} must be a string", key));
  if (trim(*text).empty()) return error_at(node.at, fmt::format("{} must not be empty", key));
  const auto is_control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(*text, is_control)) {
    return error_at(node.at, fmt::format("{} must be one line without control characters", key));
  }
  return *text;
}

Result<std::optional<std::string>> Table::text(std::string_view key) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return std::optional<std::string>();
  return std::optional(TRY(text_in(key, member->node)));
}

Result<std::string> Table::required_text(std::string_view key) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return missing(key);
  return text_in(key, member->node);
}

Result<std::string> Table::text_or(std::string_view key, std::string_view otherwise) const {
  return TRY(text(key)).value_or(std::string(otherwise));
}

Result<std::vector<std::string>> Table::texts(std::string_view key) const {
  std::vector<std::string> words;
  const TomlMember* member = this->member(key);
  if (member == nullptr) return words;
  const auto* list = std::get_if<std::vector<TomlNode>>(&member->node.value);
  if (list == nullptr) return error(key, fmt::format("{} must be a list of strings", key));
  if (list->empty()) return error(key, fmt::format("{} must not be empty", key));
  for (const TomlNode& one : *list) words.push_back(TRY(text_in(fmt::format("each of {}", key), one)));
  return words;
}

Result<std::vector<std::string>> Table::argv(std::string_view key) const {
  auto words = TRY(texts(key));
  if (words.empty()) return missing(key);
  if (words.front().find('/') != std::string::npos) {
    words.front() = TRY_IN(at(key), resolve_path(words.front(), folder_)).string();
  }
  return words;
}

Result<int64_t> Table::integer(std::string_view key, Range<int64_t> range, int64_t otherwise) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return otherwise;
  const auto* integer = std::get_if<int64_t>(&member->node.value);
  if (integer == nullptr) return error(key, fmt::format("{} must be a whole number", key));
  if (*integer < range.low || *integer > range.high) {
    return error(key, fmt::format("{} is {}; it must be from {} to {}", key, *integer, range.low, range.high));
  }
  return *integer;
}

Result<double> Table::number(std::string_view key, Range<double> range, double otherwise) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return otherwise;
  const auto* integer = std::get_if<int64_t>(&member->node.value);
  const auto* real = std::get_if<double>(&member->node.value);
  if (integer == nullptr && real == nullptr) return error(key, fmt::format("{} must be a number", key));
  const double number = integer != nullptr ? static_cast<double>(*integer) : *real;
  if (!(number >= range.low && number <= range.high)) {  // not so for NaN either
    return error(key, fmt::format("{} is {}; it must be from {} to {}", key, number, range.low, range.high));
  }
  return number;
}

Result<std::optional<bool>> Table::flag(std::string_view key) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return std::optional<bool>();
  const auto* flag = std::get_if<bool>(&member->node.value);
  if (flag == nullptr) return error(key, fmt::format("{} must be true or false", key));
  return std::optional(*flag);
}

Result<fs::path> Table::path(std::string_view key) const {
  const auto text = TRY(this->text(key));
  if (!text) return fs::path();
  return TRY_IN(at(key), resolve_path(*text, folder_));
}

Result<std::optional<Table>> Table::table(std::string_view key, const Section& section) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return std::optional<Table>();
  if (!std::holds_alternative<std::vector<TomlMember>>(member->node.value)) {
    return error(key, fmt::format("{} must be a table: {}", key, section.title));
  }
  return std::optional(TRY(open(member->node, section, folder_)));
}

Result<std::vector<Table>> Table::tables(std::string_view key, const Section& section, bool one_too) const {
  std::vector<Table> tables;
  const TomlMember* member = this->member(key);
  if (member == nullptr) return tables;
  const auto is_table = [](const TomlNode& one) { return std::holds_alternative<std::vector<TomlMember>>(one.value); };
  if (one_too && is_table(member->node)) return std::vector{TRY(open(member->node, section, folder_))};
  const auto* list = std::get_if<std::vector<TomlNode>>(&member->node.value);
  if (list == nullptr || !std::ranges::all_of(*list, is_table)) {
    return error(key, fmt::format("{} must be tables: {}", key, section.title));
  }
  for (const TomlNode& one : *list) tables.push_back(TRY(open(one, section, folder_)));
  return tables;
}

Result<std::vector<TomlMember>> Table::members(std::string_view key) const {
  const TomlMember* member = this->member(key);
  if (member == nullptr) return std::vector<TomlMember>();
  const auto* members = std::get_if<std::vector<TomlMember>>(&member->node.value);
  if (members == nullptr) return error(key, fmt::format("{} must be a table: {{ name = value }}", key));
  return *members;
}

}  // namespace holdfast::lab
