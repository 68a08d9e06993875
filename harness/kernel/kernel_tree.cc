// Is this folder a kernel tree, and what is in it?
#include "harness/kernel/kernel_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/kernel/git_tree.h"
#include "harness/kernel/nearest_file.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

/// What a folder lacks to be a kernel tree; empty when it is one.
std::vector<std::string> lacks(const fs::path& dir) {
  std::vector<std::string> missing;
  std::error_code ignored;
  const auto makefile = read_file(dir / "Makefile", 1 << 20);
  if (!makefile) {
    missing.emplace_back("no Makefile");
  } else if (!makefile->starts_with("VERSION = ") && makefile->find("\nVERSION = ") == std::string::npos) {
    missing.emplace_back("no VERSION in its Makefile");
  }
  if (!fs::exists(dir / "Kconfig", ignored)) missing.emplace_back("no Kconfig");
  return missing;
}

/// A kernel tree right below `dir`, or one that `dir` is a folder of.
std::string meant_instead(const fs::path& dir) {
  std::error_code failed;
  for (fs::directory_iterator entry(dir, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored) || !lacks(entry->path()).empty()) continue;
    return fmt::format("did you mean its subfolder {}?", entry->path().filename().string());
  }
  for (fs::path above = dir.parent_path(); above.has_relative_path(); above = above.parent_path()) {
    if (lacks(above).empty()) return fmt::format("did you mean {}, which it is a folder of?", above.string());
  }
  return "give the top folder of a kernel source tree: a git checkout or an unpacked one";
}

std::string variable(std::string_view makefile, std::string_view name) {
  for (const std::string_view line : split(makefile, '\n')) {
    if (line.starts_with(name) && line.substr(name.size()).starts_with(" =")) {
      return std::string(trim(line.substr(name.size() + 2)));
    }
  }
  return {};
}

}  // namespace

Result<std::string> kernel_version_of(const fs::path& dir) {
  std::error_code failed;
  if (!fs::exists(dir, failed)) {
    return usage_error(fmt::format("there is no folder {}", dir.string())).because(nearest_beside(dir));
  }
  if (!fs::is_directory(dir, failed)) {
    return usage_error(fmt::format("{} is a file, not a kernel tree", dir.string()))
        .because("unpack it, and give the folder");
  }
  if (const auto missing = lacks(dir); !missing.empty()) {
    return usage_error(fmt::format("{} is no kernel tree: {}", dir.string(), join(missing, ", ")))
        .because(meant_instead(dir));
  }
  const std::string makefile = TRY(read_file(dir / "Makefile"));
  const std::string sublevel = variable(makefile, "SUBLEVEL");
  return fmt::format("{}.{}{}{}{}", variable(makefile, "VERSION"), variable(makefile, "PATCHLEVEL"),
                     sublevel.empty() ? "" : ".", sublevel, variable(makefile, "EXTRAVERSION"));
}

namespace {

/// Products of a build inside the tree that are large or many; `make mrproper` in the copy sees to the rest.
bool is_build_product(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  for (const std::string_view suffix : {".o", ".ko", ".a", ".mod", ".mod.c", ".cmd"}) {
    if (name.ends_with(suffix) && (suffix != ".cmd" || name.starts_with('.'))) return true;
  }
  constexpr std::array<std::string_view, 5> kTop{"vmlinux", "vmlinux.unstripped", "System.map", ".tmp_vmlinux1",
                                                 ".tmp_vmlinux2"};
  return std::find(kTop.begin(), kTop.end(), path) != kTop.end();
}

/// What a stat says about a file, as a part of the key of a tree without git.
struct Walked {
  TreeFile file;
  std::string stamp;
};

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

/// Lists the folder `name` of `parent`, whose path in the tree is `below`, and all that is in it. One stat per entry,
/// relative to its folder: a kernel tree has a hundred thousand.
Result<void> walk(int parent, const char* name, const std::string& below, std::vector<Walked>& found,
                  const Deadline& deadline) {
  if (deadline.stopped()) return wait_error(Wake::kStopped, "a look at the tree");
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  const std::unique_ptr<DIR, CloseFolder> folder(fd ? ::fdopendir(fd.get()) : nullptr);
  if (folder == nullptr) return system_error(fmt::format("read the folder {}", below.empty() ? name : below), errno);
  const int here = fd.release();  // closed with `folder`
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view word = entry->d_name;
    if (word == "." || word == ".." || (below.empty() && word == ".git")) continue;
    std::string path = below.empty() ? std::string(word) : fmt::format("{}/{}", below, word);
    struct stat info{};
    if (::fstatat(here, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return system_error(fmt::format("look at {}", path), errno);
    }
    if (S_ISDIR(info.st_mode)) {
      TRY(walk(here, entry->d_name, path, found, deadline));
    } else if ((S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) && !is_build_product(path)) {
      std::string stamp =
          fmt::format(" {:o} {} {}.{}\n", info.st_mode, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
      found.push_back(
          {.file = {.path = std::move(path), .size = static_cast<uint64_t>(info.st_size)}, .stamp = std::move(stamp)});
    }
  }
  return {};
}

Result<KernelTree> look_at_unpacked(const fs::path& dir, const Deadline& deadline) {
  std::vector<Walked> found;
  TRY(walk(AT_FDCWD, dir.c_str(), "", found, deadline));
  std::sort(found.begin(), found.end(), [](const Walked& a, const Walked& b) { return a.file.path < b.file.path; });
  KernelTree tree{.dir = dir, .version = {}, .key = {}, .describe = "unpacked", .files = {}, .bytes = 0};
  // The place counts: two trees with the same names, sizes and times may still differ.
  Digest digest;
  digest.add(dir.string()).add("\n");
  for (Walked& each : found) {
    digest.add(each.file.path).add(each.stamp);
    tree.bytes += each.file.size;
    tree.files.push_back(std::move(each.file));
  }
  tree.key = fmt::format("unpacked:{}", digest.hex());
  return tree;
}

}  // namespace

Result<KernelTree> look_at_tree(const fs::path& dir, const fs::path& cache_dir, TreeLook what,
                                const Deadline& deadline) {
  std::error_code failed;
  const std::string version = TRY(kernel_version_of(dir));
  const fs::path whole = fs::canonical(dir, failed);
  if (failed) return system_error(fmt::format("find the folder {}", dir.string()), failed.value());
  auto checkout = TRY(look_at_checkout(whole, cache_dir, what, deadline));
  KernelTree tree = checkout ? *std::move(checkout) : TRY(look_at_unpacked(whole, deadline));
  tree.version = version;
  return tree;
}

}  // namespace holdfast
