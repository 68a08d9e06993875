// What of a running system's disks must be at rest before its kernel is left for another one?
#include "harness/agent/disks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <ranges>
#include <set>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

/// Between two looks whether the kernel is done with an emergency remount, which it does in the background.
constexpr Millis kLook{20};

struct Flag {
  std::string_view word;
  unsigned long bit;
};
constexpr std::array<Flag, 6> kFlags{{{"nosuid", MS_NOSUID},
                                      {"nodev", MS_NODEV},
                                      {"noexec", MS_NOEXEC},
                                      {"noatime", MS_NOATIME},
                                      {"nodiratime", MS_NODIRATIME},
                                      {"relatime", MS_RELATIME}}};

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',');
  return std::ranges::find(words, word) != words.end();
}

/// A blank in a path is written as \040. Source: mangle() in fs/proc_namespace.c of Linux 7.3.
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto code = text[i] == '\\' ? parse_u64(text.substr(i + 1, 3), 8) : std::nullopt;
    plain += code ? static_cast<char>(*code) : text[i];
    if (code) i += 3;
  }
  return plain;
}

/// "36 35 98:0 /root /where rw,nosuid shared:1 - ext4 /dev/sda1 rw,errors=continue". Source: proc(5).
std::optional<DiskMount> writable_disk(std::string_view line) {
  const size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto place = split(line.substr(0, dash), ' ');
  const auto source = split(line.substr(dash + 3), ' ');
  if (place.size() < 6 || source.size() < 3) return std::nullopt;
  if (!source[1].starts_with("/dev/") || !has_word(source[2], "rw")) return std::nullopt;
  DiskMount disk{.where = unescape(place[4]), .device = std::string(place[2])};
  for (const Flag& flag : kFlags) {
    if (has_word(place[5], flag.word)) disk.flags |= flag.bit;
  }
  return disk;
}

Result<std::vector<DiskMount>> still_writable(const fs::path& mountinfo) {
  return writable_disks(TRY(read_file(mountinfo)));
}

std::string names_of(const std::vector<DiskMount>& disks) {
  std::vector<std::string> names;
  for (const DiskMount& disk : disks) names.push_back(disk.where.string());
  return join(names, " ");
}

/// Source: do_emergency_remount() in fs/super.c of Linux 7.3: each file system with a block device, files open or not.
Result<void> force(const RestingDisks::Places& places, const Deadline& deadline) {
  {
    const Fd sysrq = TRY(open_file(places.sysrq, O_WRONLY));
    TRY(write_all(sysrq.get(), "u"));
  }
  while (true) {
    const auto left = TRY(still_writable(places.mountinfo));
    if (left.empty()) return {};
    if (wait_until(deadline.at_most(kLook)) == Wake::kStopped || deadline.expired()) {
      return lab_error("target", fmt::format("{} cannot be made read-only", names_of(left)));
    }
  }
}

}  // namespace

std::vector<DiskMount> writable_disks(std::string_view mountinfo) {
  std::vector<DiskMount> disks;
  std::set<std::string> known;
  for (const std::string_view line : split(mountinfo, '\n')) {
    auto disk = writable_disk(line);
    if (disk && known.insert(disk->device).second) disks.push_back(*std::move(disk));
  }
  return disks;
}

int remount(const DiskMount& disk, bool read_only) {
  const unsigned long flags = MS_REMOUNT | disk.flags | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL);
  return ::mount(nullptr, disk.where.c_str(), nullptr, flags, nullptr) == 0 ? 0 : errno;
}

Result<RestingDisks> RestingDisks::make(const Places& places, const Deadline& deadline) {
  RestingDisks resting;
  resting.disks_ = TRY(still_writable(places.mountinfo));
  ::sync();
  bool all = true;
  for (const DiskMount& disk : resting.disks_ | std::views::reverse) all = remount(disk, true) == 0 && all;
  auto forced = all ? Result<void>() : force(places, deadline);
  if (forced) return resting;
  resting.undo();
  return std::move(forced).error();
}

std::vector<std::string> RestingDisks::undo() {
  std::vector<std::string> failed;
  for (const DiskMount& disk : disks_) {
    const int errnum = remount(disk, false);
    if (errnum != 0) failed.push_back(fmt::format("{}: {}", disk.where.string(), errno_name(errnum)));
  }
  disks_.clear();
  return failed;
}

}  // namespace holdfast::agent
