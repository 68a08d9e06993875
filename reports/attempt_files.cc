// Which files lie in the folder of an attempt, and what may a report take from them?
#include "reports/attempt_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "harness/base/file.h"

namespace holdfast::reports {

namespace fs = std::filesystem;

namespace {

/// The attempt's folder without symlinks, or nothing when it is not below the run's.
std::optional<fs::path> folder(const fs::path& run_dir, const fs::path& dir) {
  if (run_dir.empty() || !leads_inward(dir)) return std::nullopt;
  std::error_code failed;
  const fs::path top = fs::canonical(run_dir, failed);
  if (failed) return std::nullopt;
  const fs::path whole = fs::canonical(top / dir, failed);
  if (failed || !leads_inward(whole.lexically_relative(top))) return std::nullopt;
  return whole;
}

}  // namespace

Result<fs::path> absolute_path(const fs::path& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed).lexically_normal();
  if (failed) return system_error(fmt::format("find the absolute path of {}", path.string()), failed.value());
  return whole;
}

bool leads_inward(const fs::path& relative) {
  const fs::path normal = relative.lexically_normal();
  return !normal.empty() && !normal.is_absolute() && *normal.begin() != "..";
}

std::vector<fs::path> attempt_files(const fs::path& run_dir, const fs::path& dir) {
  std::vector<fs::path> files;
  if (!folder(run_dir, dir)) return files;
  std::error_code failed;
  for (fs::directory_iterator it(run_dir / dir, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code unknown;
    if (fs::is_regular_file(it->symlink_status(unknown))) files.push_back(it->path().lexically_normal());
  }
  std::ranges::sort(files);
  return files;
}

std::optional<std::string> attempt_text(const fs::path& run_dir, const fs::path& dir, std::string_view name,
                                        size_t limit) {
  const auto where = folder(run_dir, dir);
  if (!where) return std::nullopt;
  // O_NONBLOCK: a FIFO of that name must not hold the report up.
  const auto fd = open_file(*where / name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat facts = {};
  if (!fd || ::fstat(fd->get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  const auto size = static_cast<size_t>(facts.st_size);
  std::string text(std::min(size, limit), '\0');
  const ssize_t got = ::pread(fd->get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
  if (got < 0) return std::nullopt;
  text.resize(static_cast<size_t>(got));
  return text;
}

}  // namespace holdfast::reports
