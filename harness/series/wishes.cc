// Does the series know the options that the user wants to have on?
#include "harness/series/wishes.h"

#include <fmt/format.h>

#include <set>

#include "harness/base/text.h"
#include "harness/kernel/config_fragment.h"

namespace holdfast::series {

Result<void> check_wishes(const WorkTree& tree, const std::vector<std::string>& commits,
                          const std::vector<std::filesystem::path>& fragments, const Deadline& deadline) {
  std::vector<ConfigWish> wishes;
  for (const auto& fragment : fragments) {
    for (ConfigWish& wish : TRY(read_fragment(fragment))) {
      if (wish.value != "n") wishes.push_back(std::move(wish));
    }
  }
  if (wishes.empty()) return {};
  // Read from the commits, not from files: the tip is not checked out yet.
  std::set<std::string> declared;
  for (const std::string& commit : commits) {
    const Output said = TRY(
        run_git(tree.dir(), {"grep", "-h", "-E", "^(menu)?config [A-Za-z0-9_]+", commit, "--", ":(glob)**/Kconfig*"},
                deadline));
    for (const std::string_view line : split(said.out, '\n')) {
      const auto words = split(trim(line), ' ');
      if (words.size() > 1) declared.insert(fmt::format("CONFIG_{}", words[1]));
    }
  }
  for (const ConfigWish& wish : wishes) {
    if (declared.contains(wish.symbol)) continue;
    Error error =
        usage_error(fmt::format("{}: neither the base nor the last patch knows {}", wish.origin, wish.symbol));
    const auto close = nearest(wish.symbol, {declared.begin(), declared.end()});
    return close ? std::move(error).because(fmt::format("did you mean {}?", *close)) : std::move(error);
  }
  return {};
}

}  // namespace holdfast::series
