// Which readers are there, and what do they have in common?
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "harness/base/file.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {

namespace fs = std::filesystem;

std::span<const Target> targets() {
  static const std::array kTargets{
      inventory_target(), wire_agent_target(), wire_controller_target(), qmp_target(),
      console_target(),   pci_config_target(), pci_text_target(),        journal_target(),
      junit_target(),     mailbox_target(),    event_target(),           roll_call_target(),
  };
  return kTargets;
}

const Target* find_target(std::string_view name) {
  for (const auto& some : {targets(), controls()}) {
    const auto found = std::ranges::find(some, name, &Target::name);
    if (found != some.end()) return &*found;
  }
  return nullptr;
}

void broken(std::string_view promise) {
  fmt::print(stderr, "broken promise: {}\n", promise);
  std::fflush(stderr);
  std::abort();
}

std::vector<std::string> files_in(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> paths;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().filename().string().ends_with(ending)) paths.push_back(it->path());
  }
  std::ranges::sort(paths);
  std::vector<std::string> texts;
  for (const fs::path& path : paths) {
    auto text = read_file(path);
    if (text) texts.push_back(*std::move(text));
  }
  if (texts.empty()) broken(fmt::format("there are seeds *{} in {}", ending, folder.string()));
  return texts;
}

}  // namespace holdfast::fuzzing
