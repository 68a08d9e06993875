// How is a file replaced in one step by text that comes in pieces?
#include "harness/base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "harness/base/file.h"

namespace holdfast {
namespace {
constexpr size_t kBuffer = size_t{1} << 18;
}  // namespace

Result<AtomicFile> AtomicFile::create(std::filesystem::path path) {
  std::filesystem::path beside = fmt::format("{}.{}.new", path.string(), ::gettid());
  // Never through a link, or into a file, that somebody else has put there: others may write to a lab's folders.
  ::unlink(beside.c_str());
  Fd fd = TRY(open_file(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  return AtomicFile(std::move(path), std::move(beside), std::move(fd));
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      beside_(std::exchange(other.beside_, {})),
      fd_(std::move(other.fd_)),
      buffer_(std::move(other.buffer_)),
      written_(std::move(other.written_)) {}

AtomicFile::~AtomicFile() {
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

void AtomicFile::flush() {
  if (written_) written_ = write_all(fd_.get(), buffer_);
  buffer_.clear();
}

void AtomicFile::put(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBuffer) flush();
}

Result<void> AtomicFile::commit() {
  flush();
  if (written_ && ::fsync(fd_.get()) != 0) written_ = system_error("sync", errno);
  if (!written_) return std::move(written_.error()).in(path_.string());
  if (::rename(beside_.c_str(), path_.c_str()) != 0) {
    return system_error(fmt::format("replace {}", path_.string()), errno);
  }
  beside_.clear();
  return {};
}

}  // namespace holdfast
