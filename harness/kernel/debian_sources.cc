// Which Debian mirror does this system use?
#include "harness/kernel/debian_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  while (!(text = trim(text)).empty()) {
    const size_t end = text.find_first_of(" \t\n");
    found.emplace_back(text.substr(0, end));
    text.remove_prefix(found.back().size());
  }
  return found;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Splits a deb822 file into stanzas of lower-case field names and values; folded lines joined, comments dropped.
std::vector<std::map<std::string, std::string>> stanzas(std::string_view text) {
  std::vector<std::map<std::string, std::string>> found(1);
  std::string field;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with('#')) continue;
    if (trim(line).empty()) {
      if (!found.back().empty()) found.emplace_back();
      field.clear();
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (!field.empty()) found.back()[field] += fmt::format(" {}", trim(line));
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      field = std::string(line.substr(0, colon));
      std::transform(field.begin(), field.end(), field.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      found.back()[field] = std::string(trim(line.substr(colon + 1)));
    }
  }
  return found;
}

/// Debian's suites by name (www.debian.org/releases) and by role. A third party's usually has neither.
bool is_debian_suite(std::string_view suite) {
  constexpr std::array<std::string_view, 12> kNames{"bullseye", "bookworm",  "trixie",       "forky",
                                                    "duke",     "sid",       "stable",       "testing",
                                                    "unstable", "oldstable", "oldoldstable", "experimental"};
  const std::string_view name = suite.substr(0, suite.find('-'));
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) return false;
  const std::string_view rest = suite.substr(name.size());
  return rest.empty() || rest == "-updates" || rest == "-backports" || rest == "-proposed-updates";
}

/// How sure it is that this is Debian's own archive; 0: it is not.
int likeness(const AptSource& source) {
  if (!contains(source.components, "main") || source.uri.starts_with("cdrom:")) return 0;
  if (source.uri.find("security") != std::string::npos) return 0;
  if (std::none_of(source.suites.begin(), source.suites.end(), is_debian_suite)) return 0;
  int points = 1;
  if (source.signed_by.find("debian-archive") != std::string::npos) points += 4;
  std::string_view path = source.uri;
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with("/debian") || path.find("debian.org") != std::string_view::npos) points += 2;
  // An entry with neither is a third party's that took over Debian's names for suites and components.
  return points == 1 && !source.signed_by.empty() ? 0 : points;
}

}  // namespace

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (const auto& stanza : stanzas(text)) {
    const auto field = [&](const char* name) {
      const auto at = stanza.find(name);
      return at == stanza.end() ? std::string() : at->second;
    };
    const std::string enabled = field("enabled");
    if (!contains(words(field("types")), "deb") || enabled == "no" || enabled == "false" || enabled == "0") continue;
    for (const std::string& uri : words(field("uris"))) {
      sources.push_back({.uri = uri,
                         .suites = words(field("suites")),
                         .components = words(field("components")),
                         .signed_by = field("signed-by")});
    }
  }
  return sources;
}

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> sources;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line.substr(0, line.find('#')));
    if (!line.starts_with("deb ") && !line.starts_with("deb\t")) continue;
    line = trim(line.substr(4));
    AptSource source;
    if (line.starts_with('[')) {
      const size_t end = line.find(']');
      if (end == std::string_view::npos) continue;
      for (const std::string& option : words(line.substr(1, end - 1))) {
        if (option.starts_with("signed-by=")) source.signed_by = option.substr(10);
      }
      line = trim(line.substr(end + 1));
    }
    const std::vector<std::string> parts = words(line);
    if (parts.size() < 3) continue;
    source.uri = parts[0];
    source.suites = {parts[1]};
    source.components.assign(parts.begin() + 2, parts.end());
    sources.push_back(std::move(source));
  }
  return sources;
}

std::string debian_mirror(const std::vector<AptSource>& sources) {
  const auto best = std::max_element(sources.begin(), sources.end(),
                                     [](const AptSource& a, const AptSource& b) { return likeness(a) < likeness(b); });
  return best == sources.end() || likeness(*best) == 0 ? std::string() : best->uri;
}

Result<std::string> system_debian_mirror(const fs::path& etc_apt) {
  std::vector<AptSource> sources;
  const auto take = [&](const fs::path& file, bool deb822) {
    const auto text = read_file(file);
    if (!text) return;
    auto parsed = deb822 ? parse_deb822_sources(*text) : parse_one_line_sources(*text);
    sources.insert(sources.end(), parsed.begin(), parsed.end());
  };
  take(etc_apt / "sources.list", false);
  std::error_code failed;
  for (fs::directory_iterator entry(etc_apt / "sources.list.d", failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().extension() == ".sources") take(entry->path(), true);
    if (entry->path().extension() == ".list") take(entry->path(), false);
  }
  std::string mirror = debian_mirror(sources);
  if (!mirror.empty()) return mirror;
  return usage_error(fmt::format("no Debian mirror among the package sources in {}", etc_apt.string()))
      .because("on a system that is not Debian, give a kernel tree: holdfast kernel build --tree DIR");
}

}  // namespace holdfast
