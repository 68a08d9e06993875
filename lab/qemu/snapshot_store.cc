// Which machines, stopped just before their boot became one of their own, are kept on disk?
#include "lab/qemu/snapshot_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/work_lock.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using FileClock = fs::file_time_type::clock;

/// How long what did not work is not tried again.
constexpr auto kGiveUpFor = std::chrono::minutes(5);
/// What a maker left who was killed; none takes as long.
constexpr auto kLeftBehind = std::chrono::minutes(30);
/// A disk with less is left alone.
constexpr uintmax_t kLeastFree = uintmax_t{1} << 30;

std::optional<FileClock::duration> age_of(const fs::path& path) {
  std::error_code failed;
  const auto when = fs::last_write_time(path, failed);
  if (failed) return std::nullopt;
  return FileClock::now() - when;
}

/// What a folder takes on disk: the memory of a machine is a file with holes.
uint64_t blocks_of(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    struct stat facts{};
    if (::stat(entry.path().c_str(), &facts) == 0) bytes += static_cast<uint64_t>(facts.st_blocks) * 512;
  }
  return bytes;
}

/// The reason why it was given up, while that counts.
std::optional<std::string> given_up(const fs::path& note) {
  const auto age = age_of(note);
  if (!age || *age > kGiveUpFor) return std::nullopt;
  const auto text = read_file(note);
  if (!text) return std::nullopt;
  return *text;
}

Result<void> room_on_disk(const fs::path& root) {
  std::error_code failed;
  const fs::space_info space = fs::space(root, failed);
  if (failed || space.available >= kLeastFree) return {};
  return lab_error("space", fmt::format("{} MiB are free at {}, too few to keep a machine there", space.available >> 20,
                                        root.string()));
}

}  // namespace

SnapshotStore::SnapshotStore(fs::path root, uint64_t cap_bytes, const fs::path& boot_id)
    : root_(std::move(root)), cap_bytes_(cap_bytes) {
  const auto id = read_file(boot_id);
  boot_ = sha256(id ? *id : std::string()).substr(0, 8);
}

fs::path SnapshotStore::folder_of(const std::string& key) const { return root_ / fmt::format("{}-{}", boot_, key); }

Result<fs::path> SnapshotStore::get(const std::string& key, const Make& make, const Deadline& deadline) const {
  const fs::path folder = folder_of(key);
  const auto there = [&] {
    std::error_code missing;
    fs::last_write_time(folder, FileClock::now(), missing);
    return !missing;
  };
  if (there()) return folder;
  const fs::path note = folder.string() + ".failed";
  const auto refuse = [](const std::string& why) {
    return lab_error("snapshot", fmt::format("given up before: {}", why));
  };
  if (const auto why = given_up(note)) return refuse(*why);
  TRY(make_dirs(root_));
  const auto lock =
      TRY(WorkLock::take(folder.string() + ".lock", "makes a snapshot of a machine", deadline, ProgressSink()));
  if (there()) return folder;
  if (const auto why = given_up(note)) return refuse(*why);
  TRY(room_on_disk(root_));
  auto made = make_beside(folder, make, deadline);
  if (!made) {
    if (!deadline.stopped()) static_cast<void>(write_file_atomic(note, made.error().what));
    return std::move(made).error();
  }
  prune(folder);
  return folder;
}

Result<void> SnapshotStore::make_beside(const fs::path& folder, const Make& make, const Deadline& deadline) const {
  const fs::path beside = fmt::format("{}.{}.new", folder.string(), random_hex(4));
  if (::mkdir(beside.c_str(), 0700) != 0) return system_error(fmt::format("make {}", beside.string()), errno);
  auto made = make(beside, deadline);
  if (made && ::rename(beside.c_str(), folder.c_str()) != 0) {
    made = system_error(fmt::format("put {} into place", folder.string()), errno);
  }
  if (!made) drop(beside);
  return made;
}

void SnapshotStore::drop(const fs::path& folder) const {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

/// Others may be doing the same; a machine that runs from a folder keeps its files.
void SnapshotStore::prune(const fs::path& newest) const {
  struct Kept {
    fs::path folder;
    FileClock::duration age;
    uint64_t bytes;
  };
  std::vector<Kept> kept;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root_, ignored)) {
    const std::string name = entry.path().filename().string();
    const auto age = age_of(entry.path());
    if (!age) continue;
    if (!name.starts_with(boot_ + "-") || (name.find('.') != std::string::npos && *age > kLeftBehind)) {
      drop(entry.path());
    } else if (name.find('.') == std::string::npos) {
      kept.push_back({.folder = entry.path(), .age = *age, .bytes = blocks_of(entry.path())});
    }
  }
  std::ranges::sort(kept, {}, &Kept::age);
  uint64_t sum = 0;
  for (const Kept& one : kept) {
    sum += one.bytes;
    if (sum > cap_bytes_ && one.folder != newest) drop(one.folder);
  }
}

}  // namespace holdfast::lab
