// How does a copy of a tree come to be, or come up to date, without touching the tree?
#include "harness/kernel/mirror.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <unordered_set>

#include "harness/base/file.h"
#include "harness/kernel/disk_space.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

using Piece = std::array<char, 1 << 16>;

/// Reads until `piece` is full or the file ends.
Result<size_t> read_piece(const Fd& fd, const fs::path& path, Piece& piece) {
  size_t filled = 0;
  while (filled < piece.size()) {
    const ssize_t got = ::read(fd.get(), piece.data() + filled, piece.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", path.string()), errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

Result<bool> same_bytes(const fs::path& a, const fs::path& b) {
  const Fd first = TRY(open_file(a, O_RDONLY | O_NOFOLLOW));
  const Fd second = TRY(open_file(b, O_RDONLY | O_NOFOLLOW));
  Piece one;
  Piece two;
  while (true) {
    const size_t size = TRY(read_piece(first, a, one));
    if (TRY(read_piece(second, b, two)) != size ||
        !std::equal(one.begin(), one.begin() + static_cast<ptrdiff_t>(size), two.begin())) {
      return false;
    }
    if (size < one.size()) return true;
  }
}

bool runs(const struct stat& info) { return (info.st_mode & 0111) != 0; }

/// Is `to` what a copy of `from` would be?
Result<bool> up_to_date(const fs::path& from, const struct stat& wanted, const fs::path& to) {
  struct stat there{};
  if (::lstat(to.c_str(), &there) != 0 || (there.st_mode & S_IFMT) != (wanted.st_mode & S_IFMT)) return false;
  if (there.st_dev == wanted.st_dev && there.st_ino == wanted.st_ino) return true;
  if (S_ISLNK(wanted.st_mode)) {
    std::error_code failed;
    return fs::read_symlink(from, failed) == fs::read_symlink(to, failed) && !failed;
  }
  if (there.st_size != wanted.st_size || runs(there) != runs(wanted)) return false;
  return same_bytes(from, to);
}

/// Copies one file's bytes, as a clone that shares blocks where the file system can do that.
Result<void> copy_bytes(const fs::path& from, const struct stat& wanted, const fs::path& to) {
  const Fd in = TRY(open_file(from, O_RDONLY | O_NOFOLLOW));
  const Fd out = TRY(open_file(to, O_WRONLY | O_CREAT | O_EXCL, runs(wanted) ? 0755 : 0644));
  if (::ioctl(out.get(), FICLONE, in.get()) == 0) return {};
  Piece piece;
  size_t size = 0;
  do {
    size = TRY(read_piece(in, from, piece));
    TRY_IN(to.string(), write_all(out.get(), std::string_view(piece.data(), size)));
  } while (size == piece.size());
  return {};
}

/// Puts a copy of `from` in the place of whatever `to` is.
Result<void> replace(const fs::path& from, const struct stat& wanted, const fs::path& to, CopyMode mode) {
  std::error_code failed;
  fs::remove(to, failed);
  if (S_ISLNK(wanted.st_mode)) {
    const fs::path aim = fs::read_symlink(from, failed);
    if (!failed) fs::create_symlink(aim, to, failed);
    if (failed) return system_error(fmt::format("copy the link {}", from.string()), failed.value());
    return {};
  }
  if (mode == CopyMode::kLinks && ::link(from.c_str(), to.c_str()) == 0) return {};
  return copy_bytes(from, wanted, to);
}

Result<void> mirror_file(const fs::path& from, const fs::path& to, CopyMode mode) {
  struct stat wanted{};
  if (::lstat(from.c_str(), &wanted) != 0) return system_error(fmt::format("look at {}", from.string()), errno);
  if (TRY(up_to_date(from, wanted, to))) return {};
  return replace(from, wanted, to, mode);
}

/// The files that belong into the mirror, and the folders that they are in.
struct Wanted {
  std::unordered_set<std::string> files;
  std::unordered_set<std::string> folders;

  explicit Wanted(const KernelTree& tree) {
    for (const TreeFile& file : tree.files) {
      files.insert(file.path);
      for (size_t slash = file.path.rfind('/'); slash != std::string::npos; slash = file.path.rfind('/', slash - 1)) {
        if (!folders.insert(file.path.substr(0, slash)).second) break;
      }
    }
  }
};

/// Removes from the folder `below` of the mirror what does not belong there.
Result<void> remove_others(const fs::path& to, const std::string& below, const Wanted& wanted) {
  std::vector<fs::path> others;
  std::error_code failed;
  for (fs::directory_iterator entry(to / below, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const std::string path = below.empty() ? name : below + "/" + name;
    std::error_code ignored;
    const bool folder = entry->symlink_status(ignored).type() == fs::file_type::directory;
    if (folder && wanted.folders.contains(path)) {
      TRY(remove_others(to, path, wanted));
    } else if (folder || !wanted.files.contains(path)) {
      others.push_back(entry->path());
    }
  }
  for (const fs::path& other : others) {
    if (!failed) fs::remove_all(other, failed);
  }
  if (failed) return system_error(fmt::format("tidy the folder {}", (to / below).string()), failed.value());
  return {};
}

}  // namespace

Result<void> mirror_tree(const KernelTree& tree, const fs::path& to, CopyMode mode, const Deadline& deadline,
                         const ProgressSink& progress) {
  Step step(progress, "copy", tree.dir.string(), tree.files.size());
  TRY(make_dirs(to));
  const Wanted wanted(tree);
  TRY(remove_others(to, "", wanted));
  std::unordered_set<std::string> made;
  uint64_t done = 0;
  for (const TreeFile& file : tree.files) {
    if (deadline.stopped()) return wait_error(Wake::kStopped, "the copy of the tree");
    const fs::path place = to / file.path;
    if (made.insert(place.parent_path().string()).second) TRY(make_dirs(place.parent_path()));
    auto mirrored = mirror_file(tree.dir / file.path, place, mode);
    if (!mirrored && mirrored.error().errnum == ENOSPC) return disk_full(to, "copy the kernel tree");
    if (!mirrored) return std::move(mirrored).error();
    step.at(++done);
  }
  step.end(done);
  return {};
}

}  // namespace holdfast
