// Where do the files stand that say who may use a host, and who may change them now?
#include "lab/lease/place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace fs = std::filesystem;
namespace {

constexpr Millis kLockPause{20};

/// Whoever may change the folder may take the lock: its file is as open as the folder is.
Result<void> make_lock_file(const LeasePlace& place) {
  struct stat folder{};
  if (::stat(place.folder.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)) {
    return lab_error("lease-folder",
                     fmt::format("{} is no folder: leases of the lab's hosts are kept there", place.folder.string()))
        .because(fmt::format("mount it, or `mkdir -p {}`", shell_quote(place.folder.string())));
  }
  const Fd made(::open(place.lock().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made) ::fchmod(made.get(), folder.st_mode & 0666);
  return {};
}

/// The tokens of the heartbeats that lie in the folder.
std::vector<uint64_t> beats_in(const LeasePlace& place) {
  std::vector<uint64_t> tokens;
  const std::string prefix = place.host + ".beat-";
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(place.folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (const auto token = parse_u64(std::string_view(name).substr(prefix.size()))) tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace

fs::path LeasePlace::beat(uint64_t of_token) const { return folder / fmt::format("{}.beat-{}", host, of_token); }

Result<std::optional<std::string>> read_if_there(const fs::path& path) {
  for (int tries = 3;; --tries) {
    auto text = read_file(path, size_t{1} << 20);
    if (text) return std::optional<std::string>(*std::move(text));
    if (text.error().errnum == ENOENT) return std::optional<std::string>();
    if (text.error().errnum != ESTALE || tries == 0) return std::move(text).error();
  }
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return system_error(fmt::format("remove {}", path.string()), errno);
}

Result<FileLock> lock_place(const LeasePlace& place, const Deadline& deadline) {
  if (place.host.empty() || place.host.front() == '.' || place.host.find('/') != std::string::npos) {
    return usage_error(fmt::format("'{}' cannot be the name of a host", printable(place.host)));
  }
  TRY(make_lock_file(place));
  while (true) {
    auto lock = TRY(FileLock::try_take(place.lock()));
    if (lock) return *std::move(lock);
    if (deadline.expired()) {
      return lab_error("lease-busy", fmt::format("{} is locked by another process, which did not let go of it",
                                                 place.lock().string()))
          .because(fmt::format("see who has it: `fuser -v {}`", shell_quote(place.lock().string())));
    }
    if (wait_until(deadline.at_most(kLockPause)) == Wake::kStopped) {
      return wait_error(Wake::kStopped, fmt::format("the lock of {}", place.host));
    }
  }
}

Result<Standing> read_standing(const LeasePlace& place) {
  Standing standing;
  standing.lease_text = TRY(read_if_there(place.lease())).value_or("");
  if (standing.lease_text.empty()) {
    // A file without content is no free host: something went wrong with it.
    std::error_code unknown;
    if (fs::exists(place.lease(), unknown)) standing.lease_text = "\n";
    return standing;
  }
  auto lease = parse_lease(standing.lease_text);
  if (!lease) return standing;
  standing.lease = *std::move(lease);
  standing.beat_text = TRY(read_if_there(place.beat(standing.lease->token))).value_or("");
  auto beat = parse_beat(standing.beat_text);
  if (beat && beat->token == standing.lease->token) standing.beat = *std::move(beat);
  return standing;
}

Result<uint64_t> next_token(const LeasePlace& place, const Standing& standing) {
  const auto text = TRY(read_if_there(place.token()));
  const auto written = text ? parse_u64(trim(*text)) : std::nullopt;
  uint64_t largest = written.value_or(0);
  if (standing.lease) largest = std::max(largest, standing.lease->token);
  for (const uint64_t token : beats_in(place)) largest = std::max(largest, token);
  const bool lost_count = !written && (text || !standing.lease_text.empty()) && largest == 0;
  if (lost_count || largest == std::numeric_limits<uint64_t>::max()) {
    return lab_error("lease-token", fmt::format("{} does not say how many leases there were", place.token().string()))
        .because("make sure that nobody uses the host, then write a number into it that is larger than any before");
  }
  TRY(write_file_atomic(place.token(), fmt::format("{}\n", largest + 1)));
  return largest + 1;
}

Result<void> clear_lease(const LeasePlace& place) {
  TRY(remove_file(place.lease()));
  for (const uint64_t token : beats_in(place)) TRY(remove_file(place.beat(token)));
  return {};
}

}  // namespace holdfast::lab
