// Is this folder a kernel tree, and what is in it?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"

namespace holdfast {

/// A file of a tree that belongs into a copy of it. `path` is relative; a symbolic link has kind kLink.
struct TreeFile {
  std::string path;
  uint64_t size = 0;
};

/// A kernel source tree, as it was when it was looked at. Never written into: no file, no index, no object of git's.
struct KernelTree {
  std::filesystem::path dir;
  std::string version;          ///< "7.3.4", from its Makefile
  std::string key;              ///< changes when the sources do
  std::string describe;         ///< "git 1a2b3c4d5e6f, 2 files changed" or "unpacked"
  std::vector<TreeFile> files;  ///< sources only: nothing that git ignores, no objects of a build inside the tree
  uint64_t bytes = 0;           ///< of all files; both are there when TreeLook::kFiles was asked for
};

/// How much is to be found out: the key alone is quicker.
enum class TreeLook { kKey, kFiles };

/// "7.3.4" from the Makefile of a tree. Errors: harness.usage naming what a kernel tree has and this folder has not,
/// and the folder beside or below that is probably meant.
Result<std::string> kernel_version_of(const std::filesystem::path& dir);

/// Looks at a tree. A git checkout's key is its HEAD's tree plus the content of what differs from it and of what is
/// untracked and not ignored; that of any other folder is made of names, sizes and times. `cache_dir` keeps a private,
/// refreshed copy of the checkout's index, which makes the second look fast.
Result<KernelTree> look_at_tree(const std::filesystem::path& dir, const std::filesystem::path& cache_dir, TreeLook what,
                                const Deadline& deadline);

}  // namespace holdfast
