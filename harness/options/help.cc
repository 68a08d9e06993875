// What does --help print? One screen, whatever the verb has.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "harness/base/text.h"
#include "harness/options/describe.h"

namespace holdfast {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kTextAt = 24;

/// `words` behind `first`, broken at blanks where the width ends, further lines at column `indent`.
std::string filled(std::string line, size_t indent, std::string_view words) {
  std::string text;
  for (const std::string_view word : split(words, ' ')) {
    const bool begun = line.size() > indent;
    if (begun && line.size() + 1 + word.size() > kWidth) {
      text += line + "\n";
      line = std::string(indent, ' ');
    } else if (begun) {
      line += ' ';
    }
    line += word;
  }
  return text + line + "\n";
}

std::string entry(const std::string& name, std::string_view text) {
  std::string line = "  " + name;
  if (line.size() + 2 > kTextAt) return line + "\n" + filled(std::string(kTextAt, ' '), kTextAt, text);
  line.resize(kTextAt, ' ');
  return filled(std::move(line), kTextAt, text);
}

std::string explained(const FlagWords& flag, bool whole) {
  std::string text = flag.text;
  if (!flag.usual.empty()) text += fmt::format(" [{}]", flag.usual);
  if (whole && !flag.environment.empty()) text += fmt::format(" (environment: {})", flag.environment);
  return text;
}

}  // namespace

std::string help_of(const CLI::App& verb, bool whole) {
  std::string text = filled("", 0, verb.get_description());
  text += filled("Usage: ", 7, usage_of(verb)) + "\n";
  std::string further;
  for (const FlagWords& flag : flags_of(verb)) {
    if (flag.further && !whole) {
      further += " " + flag.names.back();
    } else {
      text += entry(flag.shown(), explained(flag, whole));
    }
  }
  for (const CLI::App* inner : verbs_of(verb)) text += entry(inner->get_name(), inner->get_description());
  if (!further.empty()) text += filled("  more by --help-all:", 2, further);
  if (!verb.get_footer().empty()) text += "\n" + verb.get_footer() + "\n";
  return text;
}

}  // namespace holdfast
