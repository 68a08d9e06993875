// Which temporary folders and half-made parts of the cache are there whose makers are dead?
#include "harness/left_files.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "harness/base/file.h"
#include "harness/base/temp_name.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// Who writes a payload or copies a kernel writes all the time.
constexpr auto kAbandoned = std::chrono::minutes(30);

bool is_dead(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

/// A folder itself, no symlink to one, and this user's: /tmp is everybody's.
bool is_own_folder(const fs::path& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == ::geteuid();
}

Result<void> remove_tree(const fs::path& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) return system_error(fmt::format("remove {}", path.string()), failed.value());
  return {};
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    entries.push_back(entry->path());
  }
  std::ranges::sort(entries);
  return entries;
}

bool is_abandoned(const fs::path& path) {
  std::error_code failed;
  const auto when = fs::last_write_time(path, failed);
  return !failed && fs::file_time_type::clock::now() - when > kAbandoned;
}

/// "<place>.<random>.new": the place, or nothing for another name.
fs::path place_of(const fs::path& beside) {
  return beside.extension() == ".new" ? fs::path(beside).replace_extension().replace_extension() : fs::path();
}

/// The store of machines takes a lock for as long as it makes one (lab/qemu/snapshot_store.h).
fs::path lock_for(const fs::path& beside) { return place_of(beside).string() + ".lock"; }

bool is_half_made(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".new") || name.starts_with(".new-") || name.starts_with(".old-");
}

/// True when its maker is dead; `guard` is its lock from then on, where it has one.
Result<bool> is_left(const fs::path& path, std::optional<FileLock>& guard) {
  std::error_code missing;
  if (!place_of(path).empty() && fs::exists(lock_for(path), missing)) {
    guard = TRY(FileLock::try_take(lock_for(path)));
    return guard.has_value();
  }
  return is_abandoned(path);
}

Result<void> remove_half(const fs::path& path) {
  std::optional<FileLock> guard;
  if (!TRY(is_left(path, guard))) return lab_error("busy", fmt::format("{} is being made", path.string()));
  return remove_tree(path);
}

}  // namespace

std::vector<Leftover> left_folders(const fs::path& place) {
  std::vector<Leftover> left;
  for (const fs::path& path : entries_of(place)) {
    const auto owner = temp_owner(path.filename().string());
    if (!owner || !owner->here || !is_own_folder(path) || !is_dead(owner->pid)) continue;
    left.push_back({.what = fmt::format("folder {}", path.string()),
                    .whose = fmt::format("of process {}, which is gone", owner->pid),
                    .done = "removed",
                    .clean = [path, pid = owner->pid](const Deadline&) -> Result<void> {
                      if (!is_dead(pid) || !is_own_folder(path)) return lab_error("busy", "it is in use again");
                      return remove_tree(path);
                    }});
  }
  return left;
}

std::vector<Leftover> left_in_cache(const fs::path& cache) {
  std::vector<fs::path> half_made;
  for (const fs::path& room : entries_of(cache)) {
    if (!is_own_folder(room)) continue;
    for (const fs::path& path : entries_of(room)) {
      if (is_half_made(path)) half_made.push_back(path);
    }
  }
  std::vector<Leftover> left;
  for (const fs::path& path : half_made) {
    std::optional<FileLock> guard;
    const auto is = is_left(path, guard);
    if (!is || !*is) continue;
    left.push_back({.what = fmt::format("half-made {}", path.string()),
                    .whose = guard ? "its maker is gone" : "written to by nobody for half an hour",
                    .done = "removed",
                    .clean = [path](const Deadline&) { return remove_half(path); }});
  }
  return left;
}

}  // namespace holdfast
