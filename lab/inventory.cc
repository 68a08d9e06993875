// What does a lab's inventory say? toml++ reads the syntax; what may stand where is decided here.
#include "lab/inventory.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

/// An error at a place in the file.
class Place {
 public:
  explicit Place(const std::string& name) : name_(name) {}
  std::string text(const toml::source_position& at) const { return fmt::format("{}:{}:{}", name_, at.line, at.column); }
  Error error(const toml::source_position& at, std::string_view what) const {
    return usage_error(fmt::format("{}: {}", text(at), printable(what)));
  }

 private:
  const std::string& name_;
};

/// Every key of the table must be one of `known`.
Result<void> check_keys(const toml::table& table, const std::vector<std::string>& known, const Place& place) {
  // In the order of the file: the first mistake is the one to mend first.
  const toml::key* first = nullptr;
  for (const auto& [key, value] : table) {
    if (std::ranges::find(known, std::string(key.str())) != known.end()) continue;
    if (first == nullptr || key.source().begin.line < first->source().begin.line) first = &key;
  }
  if (first == nullptr) return {};
  const auto close = nearest(first->str(), known);
  const std::string hint = close ? fmt::format("; did you mean '{}'?", *close) : "";
  return place.error(first->source().begin, fmt::format("unknown key '{}'{}", first->str(), hint))
      .because("known here: " + join(known, ", "));
}

/// The string under `key`; nothing when the key is not there. What is there must be a string and not empty.
Result<std::optional<std::string>> text_of(const toml::table& table, const char* key, const Place& place) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::optional<std::string>();
  const auto* text = node->as_string();
  if (text == nullptr) return place.error(node->source().begin, fmt::format("{} must be a string", key));
  if (trim(text->get()).empty()) return place.error(node->source().begin, fmt::format("{} must not be empty", key));
  return std::optional(text->get());
}

Result<std::string> required_text(const toml::table& table, const char* key, const Place& place) {
  auto text = TRY(text_of(table, key, place));
  if (!text) return place.error(table.source().begin, fmt::format("[[allow]] has no {}", key));
  return *std::move(text);
}

Result<std::string> read_kind(const toml::table& table, const Place& place) {
  const auto kind = TRY(text_of(table, "kind", place));
  if (!kind) return Allowance{}.kind;
  const auto& known = allowable_kinds();
  if (std::ranges::find(known, *kind) != known.end()) return *kind;
  const auto close = nearest(*kind, known);
  return place
      .error(table.get("kind")->source().begin, fmt::format("kind \"{}\" cannot be allowed{}", *kind,
                                                            close ? fmt::format("; did you mean \"{}\"?", *close) : ""))
      .because("only what a kernel survives can be: " + join(known, ", "));
}

Result<Allowance> read_allowance(const toml::table& table, const Place& place) {
  TRY(check_keys(table, {"kind", "title", "reason"}, place));
  Allowance allowance;
  allowance.kind = TRY(read_kind(table, place));
  allowance.title = TRY(required_text(table, "title", place));
  if (allowance.title.find_first_not_of("*? ") == std::string::npos) {
    return place.error(table.get("title")->source().begin, "title allows everything; say what it is about");
  }
  allowance.reason = TRY(required_text(table, "reason", place));
  const auto& at = table.source().begin;
  allowance.source = place.text(at);
  return allowance;
}

Result<std::vector<Allowance>> read_allowances(const toml::table& root, const Place& place) {
  std::vector<Allowance> allowances;
  const toml::node* node = root.get("allow");
  if (node == nullptr) return allowances;
  const auto* list = node->as_array();
  const auto is_table = [](const toml::node& one) { return one.is_table(); };
  if (list == nullptr || !std::all_of(list->begin(), list->end(), is_table)) {
    return place.error(node->source().begin, "allow must be tables: [[allow]]");
  }
  for (const toml::node& one : *list) allowances.push_back(TRY(read_allowance(*one.as_table(), place)));
  return allowances;
}

}  // namespace

Result<Inventory> parse_inventory(std::string_view text, const std::string& name) {
  const Place place(name);
  try {
    const toml::table root = toml::parse(text, name);
    TRY(check_keys(root, {"allow"}, place));
    return Inventory{.allowances = TRY(read_allowances(root, place))};
  } catch (const toml::parse_error& error) {
    return place.error(error.source().begin, error.description());
  }
}

Result<Inventory> read_inventory(const std::filesystem::path& file) {
  if (file.empty()) return Inventory{};
  const auto text = read_file(file);
  if (!text) return usage_error(fmt::format("--lab: {}", text.error().what));
  return parse_inventory(*text, file.string());
}

}  // namespace holdfast::lab
