// How are files read, written and cleaned up?
#include "harness/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "harness/base/atomic_file.h"
#include "harness/base/temp_name.h"

namespace holdfast {
namespace fs = std::filesystem;

Result<Fd> open_file(const fs::path& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return system_error(fmt::format("open {}", path.string()), errno);
  return fd;
}

Result<std::string> read_file(const fs::path& path, size_t cap) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  std::string text;
  std::array<char, 65536> piece;
  while (text.size() <= cap) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path.string()), errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
  return lab_error("io", fmt::format("read {}: larger than {} bytes", path.string(), cap));
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", errno);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Result<void> write_file(const fs::path& path, std::string_view text) {
  const Fd fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  TRY_IN(path.string(), write_all(fd.get(), text));
  return {};
}

Result<void> write_file_atomic(const fs::path& path, std::string_view text) {
  AtomicFile file = TRY(AtomicFile::create(path));
  file.put(text);
  return file.commit();
}

Result<void> make_dirs(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return system_error(fmt::format("create folder {}", path.string()), failed.value());
  return {};
}

Result<TempDir> TempDir::create(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string path = fmt::format("{}/{}", base != nullptr && *base != '\0' ? base : "/tmp", temp_template(prefix));
  if (::mkdtemp(path.data()) == nullptr) return system_error(fmt::format("create a folder like {}", path), errno);
  return TempDir(fs::path(path));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  if (this != &other) {
    const TempDir old = std::move(*this);
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

TempDir::~TempDir() {
  std::error_code ignored;  // what cannot be removed is left; a destructor has nobody to tell
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::optional<FileLock>> FileLock::try_take(const fs::path& path) {
  Fd fd = TRY(open_file(path, O_RDWR | O_CREAT));
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    if (errno != EINTR) return system_error(fmt::format("lock {}", path.string()), errno);
  }
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

}  // namespace holdfast
