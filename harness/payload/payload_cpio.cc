// How is an initramfs written so that the kernel reads it?
#include "harness/payload/payload_cpio.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "harness/base/file.h"

namespace holdfast {
namespace {

constexpr size_t kPiece = size_t{1} << 20;
constexpr size_t kAlignment = 4;       // of every header and of every content
constexpr size_t kArchiveBlock = 512;  // of the whole archive, as cpio itself pads it

}  // namespace

Result<CpioWriter> CpioWriter::create(const std::filesystem::path& path, unsigned permissions) {
  Fd fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC, permissions));
  return CpioWriter(path, std::move(fd));
}

Result<void> CpioWriter::folder(std::string_view name, uint32_t permissions) {
  return header(name, {.mode = S_IFDIR | permissions, .links = 2});
}

Result<void> CpioWriter::file(std::string_view name, std::string_view content, uint32_t permissions) {
  TRY(header(name, {.mode = S_IFREG | permissions, .size = content.size()}));
  TRY(put(content));
  return pad_to(kAlignment);
}

Result<void> CpioWriter::file_from(std::string_view name, const std::filesystem::path& source, std::string_view sha256,
                                   uint32_t permissions) {
  const Fd from = TRY(open_file(source, O_RDONLY));
  struct stat facts{};
  if (::fstat(from.get(), &facts) != 0) return system_error(fmt::format("look at {}", source.string()), errno);
  const auto changed = [&] {
    return lab_error("changed", fmt::format("{} changed while it was put into a payload", source.string()));
  };
  uint64_t left = static_cast<uint64_t>(facts.st_size);
  TRY(header(name, {.mode = S_IFREG | permissions, .size = left}));
  Digest content;
  std::vector<char> piece(kPiece);
  while (true) {
    const ssize_t got = ::read(from.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", source.string()), errno);
    if (got == 0) break;
    const std::string_view bytes(piece.data(), static_cast<size_t>(got));
    if (bytes.size() > left) return changed();
    left -= bytes.size();
    if (!sha256.empty()) content.add(bytes);
    TRY(put(bytes));
  }
  if (left != 0 || (!sha256.empty() && content.hex() != sha256)) return changed();
  return pad_to(kAlignment);
}

Result<void> CpioWriter::character_device(std::string_view name, uint32_t major, uint32_t minor, uint32_t permissions) {
  return header(name, {.mode = S_IFCHR | permissions, .major = major, .minor = minor});
}

Result<void> CpioWriter::trailer() {
  TRY(header("TRAILER!!!", {}));
  return pad_to(kArchiveBlock);
}

Result<uint64_t> CpioWriter::next_archive() {
  TRY(trailer());
  return written_;
}

Result<std::string> CpioWriter::finish() {
  TRY(trailer());
  fd_.reset();
  return digest_.hex();
}

Result<void> CpioWriter::header(std::string_view name, const Entry& entry) {
  if (entry.size > UINT32_MAX) {
    return lab_error("payload", fmt::format("{} is larger than the 4 GiB that an initramfs entry can be", name));
  }
  // Fields: inode, mode, uid, gid, links, mtime, size, device major and minor, node major and minor, name size, check.
  TRY(put(fmt::format("070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{}",
                      next_inode_++, entry.mode, 0, 0, entry.links, 0, entry.size, 0, 0, entry.major, entry.minor,
                      name.size() + 1, 0, name)));
  TRY(put(std::string(1, '\0')));
  return pad_to(kAlignment);
}

Result<void> CpioWriter::put(std::string_view bytes) {
  TRY_IN(path_.string(), write_all(fd_.get(), bytes));
  digest_.add(bytes);
  written_ += bytes.size();
  return {};
}

Result<void> CpioWriter::pad_to(size_t multiple) {
  const size_t over = static_cast<size_t>(written_ % multiple);
  return over == 0 ? Result<void>() : put(std::string(multiple - over, '\0'));
}

}  // namespace holdfast
