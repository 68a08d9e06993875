// How is a table of an inventory read so that no mistake in it goes unnoticed? Every error is the user's
// (harness.usage) and begins with file:line:column. toml++ is known to toml_table.cc alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/base/result.h"

namespace holdfast::lab {

struct TomlMember;

/// A value, and where it stands: "lab.toml:3:9". A date or time is the empty alternative: no key is one.
struct TomlNode {
  std::string at;
  std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<TomlNode>, std::vector<TomlMember>>
      value;
};

struct TomlMember {
  std::string key;
  std::string at;
  TomlNode node;
};

/// The top table, members in the order of the text. `name` is what the text is called in errors.
Result<TomlNode> parse_toml(std::string_view text, const std::string& name);

/// A key that a table may have.
struct KnownKey {
  std::string_view name;
  std::string_view types = {};  ///< the values of the table's `type` that it goes with, "sol exec"; empty: all
};

/// A kind of table. The title is as people write it: "[[host]]", "[host.ssh]".
struct Section {
  std::string_view title;
  std::vector<KnownKey> keys;
};

/// The smallest and the largest value that make sense.
template <class T>
struct Range {
  T low;
  T high;
};

/// One table while it is read: the values under its keys, as they were meant. Asking for a key that its section does
/// not list is a bug and stops the program. The node and the section must outlive it.
class Table {
 public:
  /// `folder` is what relative paths are relative to. Errors: a key that the section does not list, with the nearest.
  static Result<Table> open(const TomlNode& node, const Section& section, const std::filesystem::path& folder);

  const std::string& at() const { return node_->at; }
  /// Where the value stands; the table itself when there is none.
  const std::string& at(std::string_view key) const;
  bool has(std::string_view key) const { return member(key) != nullptr; }
  /// What stands under the key, unread; null when nothing does.
  const TomlMember* member(std::string_view key) const;

  /// One of `known`. Errors name the nearest.
  Result<std::string> choice(std::string_view key, const std::vector<std::string>& known) const;
  Result<std::string> choice(std::string_view key, const std::vector<std::string>& known,
                             std::string_view otherwise) const;
  /// The same for `type`, which must be there. Errors also for a key that belongs to another type.
  Result<std::string> type(const std::vector<std::string>& known) const;

  /// A string with something in it, on one line.
  Result<std::optional<std::string>> text(std::string_view key) const;
  Result<std::string> required_text(std::string_view key) const;
  Result<std::string> text_or(std::string_view key, std::string_view otherwise) const;
  /// Strings, at least one.
  Result<std::vector<std::string>> texts(std::string_view key) const;
  /// An argument vector. A program with a slash in it is a path.
  Result<std::vector<std::string>> argv(std::string_view key) const;
  Result<int64_t> integer(std::string_view key, Range<int64_t> range, int64_t otherwise) const;
  Result<double> number(std::string_view key, Range<double> range, double otherwise) const;
  /// true or false; nothing when the key is not there.
  Result<std::optional<bool>> flag(std::string_view key) const;
  /// Absolute: "~/" is the user's home, what is relative is so to the file. Empty when the key is not there.
  Result<std::filesystem::path> path(std::string_view key) const;

  /// The table under `key`.
  Result<std::optional<Table>> table(std::string_view key, const Section& section) const;
  /// The tables under `key`, [[key]]; with `one_too`, [key] means a single one.
  Result<std::vector<Table>> tables(std::string_view key, const Section& section, bool one_too = false) const;
  /// A table of keys that are not known here.
  Result<std::vector<TomlMember>> members(std::string_view key) const;

  /// A mistake in the value under `key`.
  Error error(std::string_view key, std::string_view what) const;
  /// "[[host]] has no name".
  Error missing(std::string_view key) const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  Table(const TomlNode& node, const Section& section, std::filesystem::path folder)
      : node_(&node), section_(&section), folder_(std::move(folder)) {}
  Result<std::string> text_in(std::string_view key, const TomlNode& node) const;
  const TomlNode* node_;
  const Section* section_;
  std::filesystem::path folder_;
};

/// "lab.toml:3:9: what"; what cannot be shown is escaped.
Error error_at(std::string_view at, std::string_view what);

/// "; did you mean 'name'?" (with the quotation mark that is given), or nothing when nothing known is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, char quote);

/// Absolute: see Table::path(). Errors (without a place): there is no home.
Result<std::filesystem::path> resolve_path(const std::string& text, const std::filesystem::path& folder);

}  // namespace holdfast::lab
