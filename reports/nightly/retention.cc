// Which of the nights that are over may go?
#include "reports/nightly/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::reports {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRemoving = ".removing-";

using Key = std::pair<std::string, CaseId>;  ///< suite, case

std::set<Key> cases_of(const RunResults& night) {
  std::set<Key> keys;
  for (const auto& [name, suite] : night.record.suites()) {
    for (const auto& [id, settled] : suite.cases) keys.insert({name, id});
  }
  return keys;
}

/// Takes from `wanted` the cases that passed in this night; true when there was one.
bool takes_passes(const RunResults& night, std::set<Key>& wanted) {
  bool any = false;
  for (const auto& [name, suite] : night.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      if (settled.verdict.outcome == Outcome::kPassed) any = wanted.erase({name, id}) > 0 || any;
    }
  }
  return any;
}

bool all_well(const RunResults& night) { return night.record.ended() && night.record.ended()->exit_code == 0; }

/// "20310517T093000Z-479a07", as create_run_folder makes it.
bool is_run_name(std::string_view name) {
  constexpr std::string_view kShape = "ddddddddTddddddZ-xxxxxx";
  const auto fits = [](char shape, char c) {
    const bool digit = c >= '0' && c <= '9';
    if (shape == 'd') return digit;
    return shape == 'x' ? digit || (c >= 'a' && c <= 'f') : shape == c;
  };
  return name.size() == kShape.size() && std::ranges::equal(kShape, name, fits);
}

Result<void> remove_whole(const fs::path& folder) {
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (failed) return system_error(fmt::format("remove {}", folder.string()), failed.value());
  return {};
}

}  // namespace

std::vector<fs::path> nights_to_remove(const std::vector<RunResults>& nights, const KeepNights& keep,
                                       WallClock::time_point now) {
  std::vector<fs::path> removed;
  if (nights.empty() || (keep.newest <= 0 && keep.days <= 0)) return removed;
  std::set<Key> wanted = cases_of(nights.front());
  bool well_seen = false;
  int number = 0;
  for (const RunResults& night : nights) {
    ++number;
    const bool last_pass = takes_passes(night, wanted);
    const bool last_well = all_well(night) && !std::exchange(well_seen, true);
    const bool within_number = keep.newest > 0 && number <= keep.newest;
    const bool within_days = keep.days > 0 && now - night.begun() <= std::chrono::days(keep.days);
    if (number == 1 || last_pass || last_well || within_number || within_days) continue;
    removed.push_back(night.folder);
  }
  return removed;
}

Result<void> remove_run_folder(const fs::path& folder) {
  const auto refuse = [&](std::string_view why) {
    return harness_error("not-a-run", fmt::format("{} is not removed: {}", folder.string(), why));
  };
  std::error_code failed;
  const std::string name = folder.filename().string();
  if (!is_run_name(name)) return refuse("its name is no run's");
  if (fs::is_symlink(folder, failed) || !fs::is_directory(folder, failed)) return refuse("it is no folder");
  if (!fs::is_regular_file(folder / "manifest.json", failed)) return refuse("it has no manifest.json");
  const auto results = read_results(folder / "journal.jsonl");
  if (!results) return refuse("it has no journal of a run");
  if (!results->record.ended()) return refuse("its run has not ended");
  const fs::path aside = folder.parent_path() / (kRemoving + name);
  fs::rename(folder, aside, failed);
  if (failed) return system_error(fmt::format("rename {}", folder.string()), failed.value());
  return remove_whole(aside);
}

void finish_removals(const fs::path& out) {
  std::error_code failed;
  for (fs::directory_iterator it(out, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    const bool ours =
        name.starts_with(kRemoving) && is_run_name(std::string_view(name).substr(std::string_view(kRemoving).size()));
    if (ours && !it->is_symlink(failed)) static_cast<void>(remove_whole(it->path()).ok());
  }
}

}  // namespace holdfast::reports
