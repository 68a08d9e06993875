// What was the checksum of this file, when it has not changed since?
#include "harness/base/digest_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHexDigits = 64;
/// Above the tick of any kernel, and of file systems that keep whole seconds.
constexpr time_t kSettledSeconds = 2;

bool has_settled(const struct stat& facts) {
  return ::time(nullptr) - std::max(facts.st_mtim.tv_sec, facts.st_ctim.tv_sec) >= kSettledSeconds;
}

}  // namespace

fs::path DigestMemory::note_of(const fs::path& file, const struct stat& facts) const {
  std::error_code failed;
  return folder_ /
         sha256(fmt::format("{}\n{} {}.{} {}.{} {}:{}", fs::absolute(file, failed).lexically_normal().string(),
                            facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_ctim.tv_sec,
                            facts.st_ctim.tv_nsec, facts.st_dev, facts.st_ino));
}

std::optional<std::string> DigestMemory::recall(const fs::path& file, const struct stat& facts) const {
  auto known = read_file(note_of(file, facts));
  if (!known || known->size() != kHexDigits) return std::nullopt;
  return *std::move(known);
}

void DigestMemory::remember(const fs::path& file, const struct stat& facts, const std::string& digest) const {
  if (!has_settled(facts) || !make_dirs(folder_)) return;
  static_cast<void>(write_file_atomic(note_of(file, facts), digest).ok());
}

Result<std::string> DigestMemory::sha256_of(const fs::path& file) const {
  struct stat facts{};
  if (::stat(file.c_str(), &facts) != 0) return system_error(fmt::format("look at {}", file.string()), errno);
  if (auto known = recall(file, facts)) return *std::move(known);
  std::string digest = TRY(sha256_file(file));
  remember(file, facts, digest);
  return digest;
}

}  // namespace holdfast
