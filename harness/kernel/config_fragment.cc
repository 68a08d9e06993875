// What must be in a kernel's configuration, and did it get there?
#include "harness/kernel/config_fragment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/nearest_file.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "CONFIG_";
constexpr std::string_view kSymbolCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

bool is_symbol(std::string_view word) {
  return word.starts_with(kPrefix) && word.size() > kPrefix.size() &&
         word.find_first_not_of(kSymbolCharacters) == std::string_view::npos;
}

/// "# CONFIG_X is not set" gives "CONFIG_X".
std::optional<std::string_view> refused_symbol(std::string_view line) {
  constexpr std::string_view kNotSet = " is not set";
  if (!line.starts_with("# ") || !line.ends_with(kNotSet)) return std::nullopt;
  const std::string_view word = trim(line.substr(2, line.size() - 2 - kNotSet.size()));
  return is_symbol(word) ? std::optional(word) : std::nullopt;
}

}  // namespace

Result<std::vector<ConfigWish>> read_fragment(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) {
    return usage_error(fmt::format("there is no config fragment {}", path.string())).because(nearest_beside(path));
  }
  const std::string text = TRY(read_file(path));
  std::vector<ConfigWish> wishes;
  size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    const std::string origin = fmt::format("{}:{}", path.filename().string(), number);
    if (const auto refused = refused_symbol(line)) {
      wishes.push_back({.symbol = std::string(*refused), .value = "n", .origin = origin});
      continue;
    }
    if (line.empty() || line.starts_with('#')) continue;
    const size_t equals = line.find('=');
    const std::string_view symbol = line.substr(0, equals);
    if (equals == std::string_view::npos || !is_symbol(symbol) || equals + 1 == line.size()) {
      return usage_error(
                 fmt::format("{}:{}: {} is no line of a config fragment", path.string(), number, shell_quote(line)))
          .because("write CONFIG_NAME=y, CONFIG_NAME=m, CONFIG_NAME=value or # CONFIG_NAME is not set");
    }
    wishes.push_back({.symbol = std::string(symbol), .value = std::string(line.substr(equals + 1)), .origin = origin});
  }
  return wishes;
}

std::vector<ConfigWish> merge(const std::vector<std::vector<ConfigWish>>& fragments) {
  std::vector<ConfigWish> merged;
  std::map<std::string, size_t> places;
  for (const auto& fragment : fragments) {
    for (const ConfigWish& wish : fragment) {
      const auto [place, fresh] = places.try_emplace(wish.symbol, merged.size());
      if (fresh) {
        merged.push_back(wish);
      } else {
        merged[place->second] = wish;
      }
    }
  }
  return merged;
}

std::string to_fragment(const std::vector<ConfigWish>& wishes) {
  std::string text;
  for (const ConfigWish& wish : wishes) {
    text += wish.value == "n" ? fmt::format("# {} is not set\n", wish.symbol)
                              : fmt::format("{}={}\n", wish.symbol, wish.value);
  }
  return text;
}

namespace {

/// Reads the declarations of one Kconfig file into `found`; an earlier declaration of the same symbol stays.
void read_kconfig(const std::string& text, const std::string& file, std::map<std::string, KconfigSymbol>& found) {
  KconfigSymbol* current = nullptr;
  size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    const std::string_view stripped = trim(line);
    const bool entry = stripped.starts_with("config ") || stripped.starts_with("menuconfig ");
    if (entry) {
      const std::string name(trim(stripped.substr(stripped.find(' '))));
      current = nullptr;
      if (name.empty() || name.find_first_not_of(kSymbolCharacters) != std::string::npos) continue;
      const auto [place, fresh] = found.try_emplace(name);
      if (!fresh) continue;
      place->second = {.name = name, .where = fmt::format("{}:{}", file, number), .depends_on = {}};
      current = &place->second;
    } else if (current != nullptr && stripped.starts_with("depends on ")) {
      if (!current->depends_on.empty()) current->depends_on += " && ";
      current->depends_on += stripped.substr(std::string_view("depends on ").size());
    } else if (stripped == "help" || (!line.empty() && line.front() != ' ' && line.front() != '\t')) {
      current = nullptr;  // a help text may well say "depends on"
    }
  }
}

/// Folders of a tree's first level that hold no Kconfig for x86, or that hold builds rather than sources.
bool worth_reading(const fs::path& relative) {
  const std::string path = relative.generic_string();
  if (path.starts_with("arch/")) return path == "arch/x86" || path.starts_with("arch/x86/");
  constexpr std::array<std::string_view, 4> kSkipped{".git", "tools", "samples", "Documentation"};
  return std::find(kSkipped.begin(), kSkipped.end(), path) == kSkipped.end();
}

}  // namespace

Result<std::vector<KconfigSymbol>> kconfig_symbols(const fs::path& tree) {
  std::map<std::string, KconfigSymbol> found;
  std::error_code failed;
  fs::recursive_directory_iterator entry(tree, failed);
  for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    const fs::path relative = entry->path().lexically_relative(tree);
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      if (!worth_reading(relative)) entry.disable_recursion_pending();
      continue;
    }
    if (!entry->path().filename().string().starts_with("Kconfig")) continue;
    const auto text = read_file(entry->path());
    if (text) read_kconfig(*text, relative.generic_string(), found);
  }
  if (failed) return system_error(fmt::format("read the Kconfig files of {}", tree.string()), failed.value());
  std::vector<KconfigSymbol> symbols;
  for (auto& [name, symbol] : found) symbols.push_back(std::move(symbol));
  return symbols;
}

namespace {

const KconfigSymbol* find_symbol(const std::vector<KconfigSymbol>& symbols, std::string_view name) {
  const auto at =
      std::lower_bound(symbols.begin(), symbols.end(), name,
                       [](const KconfigSymbol& symbol, std::string_view word) { return symbol.name < word; });
  return at != symbols.end() && at->name == name ? &*at : nullptr;
}

std::string_view bare(const ConfigWish& wish) { return std::string_view(wish.symbol).substr(kPrefix.size()); }

/// One line for a wish that was not fulfilled.
std::string complain(const ConfigWish& wish, const std::string& got, const std::vector<KconfigSymbol>& symbols) {
  std::string line = fmt::format("{}={} ({}) became {}", wish.symbol, wish.value, wish.origin, got.empty() ? "n" : got);
  if (const KconfigSymbol* symbol = find_symbol(symbols, bare(wish))) {
    line += fmt::format("; declared at {}", symbol->where);
    if (!symbol->depends_on.empty()) line += fmt::format(", depends on {}", symbol->depends_on);
    return line;
  }
  std::vector<std::string> names;
  for (const KconfigSymbol& symbol : symbols) names.push_back(symbol.name);
  line += "; the tree has no such symbol";
  if (const auto near = nearest(bare(wish), names)) line += fmt::format(", did you mean {}{}?", kPrefix, *near);
  return line;
}

}  // namespace

std::vector<ConfigWish> known_wishes(const std::vector<ConfigWish>& wishes, const std::vector<KconfigSymbol>& symbols) {
  std::vector<ConfigWish> known;
  std::copy_if(wishes.begin(), wishes.end(), std::back_inserter(known), [&](const ConfigWish& wish) {
    return wish.value == "n" || find_symbol(symbols, bare(wish)) != nullptr;
  });
  return known;
}

Result<void> verify_config(const std::vector<ConfigWish>& wishes, const KernelConfig& config, const fs::path& tree) {
  std::vector<std::pair<ConfigWish, std::string>> lost;
  for (const ConfigWish& wish : wishes) {
    const auto there = config.find(wish.symbol);
    const std::string got = there == config.end() ? "" : there->second;
    const std::string_view wanted = wish.value == "n" ? std::string_view() : std::string_view(wish.value);
    if (got != wanted && !(wanted.empty() && got == "n")) lost.emplace_back(wish, got);
  }
  if (lost.empty()) return {};
  const auto symbols = TRY(kconfig_symbols(tree));
  std::vector<std::string> lines;
  for (const auto& [wish, got] : lost) lines.push_back(complain(wish, got, symbols));
  return usage_error(
             fmt::format("{} of the config symbols asked for did not survive: {}", lost.size(), join(lines, "; ")))
      .because(
          "mend the fragment, ask for what the symbol depends on, or take it back with a further --config fragment "
          "that "
          "says \"# CONFIG_NAME is not set\"")
      .with("symbols", join(lines, "\n"));
}

}  // namespace holdfast
