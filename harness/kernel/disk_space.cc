// Is there room for what is about to be written?
#include "harness/kernel/disk_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMoreRoom = "free some, or set HOLDFAST_CACHE to a folder on a larger disk";

fs::path nearest_existing(fs::path path) {
  std::error_code ignored;
  while (path.has_relative_path() && !fs::exists(path, ignored)) path = path.parent_path();
  return path.empty() ? fs::path(".") : path;
}

}  // namespace

Result<uint64_t> free_bytes(const fs::path& path) {
  const fs::path where = nearest_existing(path);
  struct statvfs space{};
  if (::statvfs(where.c_str(), &space) != 0) {
    return system_error(fmt::format("ask for the free space of {}", where.string()), errno);
  }
  return uint64_t{space.f_bavail} * uint64_t{space.f_frsize};
}

Result<void> require_space(const fs::path& path, uint64_t bytes, std::string_view purpose) {
  const uint64_t free = TRY(free_bytes(path));
  if (free >= bytes) return {};
  return lab_error("disk", fmt::format("not enough disk space to {}: about {} needed in {}, {} free", purpose,
                                       describe_bytes(bytes), path.string(), describe_bytes(free)))
      .because(std::string(kMoreRoom));
}

Error disk_full(const fs::path& path, std::string_view purpose) {
  const auto free = free_bytes(path);
  Error error = lab_error("disk", fmt::format("the disk became full while it was used to {}: {} free in {}", purpose,
                                              describe_bytes(free ? *free : 0), path.string()));
  error.errnum = ENOSPC;
  return std::move(error).because(std::string(kMoreRoom));
}

std::string describe_bytes(uint64_t bytes) {
  constexpr uint64_t kKilo = 1000;
  constexpr uint64_t kMega = kKilo * kKilo;
  constexpr uint64_t kGiga = kMega * kKilo;
  const auto in = [&](uint64_t unit) { return static_cast<double>(bytes) / static_cast<double>(unit); };
  if (bytes >= kGiga) return fmt::format("{:.1f} GB", in(kGiga));
  if (bytes >= kMega) return fmt::format("{:.0f} MB", in(kMega));
  if (bytes >= kKilo) return fmt::format("{:.0f} kB", in(kKilo));
  return fmt::format("{} bytes", bytes);
}

}  // namespace holdfast
