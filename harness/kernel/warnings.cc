// What did the compiler warn of, where, and is it new?
#include "harness/kernel/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

constexpr std::string_view kSign = ": warning: ";

/// Objects are made in a folder inside of the tree, and name its files from there.
std::string from_top(std::string_view path) {
  while (path.starts_with("../")) path.remove_prefix(3);
  if (path.starts_with("./")) path.remove_prefix(2);
  return printable(path);
}

/// "../mm/x.c:12:5: warning: unused variable 'x'": file, and the line when there is one.
std::optional<Warning> warning_in(std::string_view line) {
  const size_t sign = line.find(kSign);
  if (sign == std::string_view::npos || sign == 0) return std::nullopt;
  const auto place = split(line.substr(0, sign), ':');
  Warning warning{.file = from_top(place[0]), .line = 0, .text = printable(line.substr(sign + kSign.size()))};
  if (place.size() > 1) warning.line = parse_u64(place[1]).value_or(0);
  std::replace(warning.text.begin(), warning.text.end(), '\t', ' ');
  return warning;
}

/// "  CC      drivers/pci/pci.o": the last word of what kbuild prints for a command.
std::optional<std::string> object_in(std::string_view line) {
  if (!line.starts_with("  ") || line.size() < 4 || line[2] < 'A' || line[2] > 'Z') return std::nullopt;
  return from_top(line.substr(line.rfind(' ') + 1));
}

auto place_of(const Warning& warning) { return std::tie(warning.file, warning.line, warning.text); }

}  // namespace

std::string describe(const Warning& warning) {
  if (warning.line == 0) return fmt::format("{}: {}", warning.file, warning.text);
  return fmt::format("{}:{}: {}", warning.file, warning.line, warning.text);
}

WarningsByObject parse_warnings(std::string_view log) {
  WarningsByObject objects;
  std::string object;
  for (const std::string_view line : split(log, '\n')) {
    if (auto made = object_in(line)) {
      object = *std::move(made);
      objects[object];
    } else if (auto warning = warning_in(line)) {
      objects[object].push_back(*std::move(warning));
    }
  }
  return objects;
}

std::vector<Warning> all_warnings(const WarningsByObject& objects) {
  std::vector<Warning> all;
  for (const auto& [object, warnings] : objects) all.insert(all.end(), warnings.begin(), warnings.end());
  std::ranges::sort(all, {}, place_of);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  return all;
}

std::vector<Warning> new_warnings(const std::vector<Warning>& before, const std::vector<Warning>& after) {
  std::map<std::pair<std::string, std::string>, int> known;
  for (const Warning& warning : before) ++known[{warning.file, warning.text}];
  std::vector<Warning> fresh;
  for (const Warning& warning : after) {
    if (--known[{warning.file, warning.text}] < 0) fresh.push_back(warning);
  }
  return fresh;
}

Result<void> write_warnings(const std::filesystem::path& file, const WarningsByObject& objects) {
  std::string text;
  for (const auto& [object, warnings] : objects) {
    for (const Warning& each : warnings)
      text += fmt::format("{}\t{}\t{}\t{}\n", object, each.file, each.line, each.text);
  }
  return write_file_atomic(file, text);
}

Result<WarningsByObject> read_warnings(const std::filesystem::path& file) {
  WarningsByObject objects;
  std::error_code failed;
  if (!std::filesystem::exists(file, failed)) return objects;
  const std::string text = TRY(read_file(file));
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() != 4) continue;
    objects[std::string(fields[0])].push_back(
        {.file = std::string(fields[1]), .line = parse_u64(fields[2]).value_or(0), .text = std::string(fields[3])});
  }
  return objects;
}

}  // namespace holdfast
