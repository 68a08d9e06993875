// How are the files of one commit after the other had without touching the user's repository?
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/process.h"

namespace holdfast {

/// A work tree in a folder of its own, whose repository borrows the objects of the user's one: that gets no worktree,
/// no ref and no commit. The folder stays when the object is gone, so that the next one only writes the files that
/// differ: what is the same in two commits keeps its time, and make need not compile it again. Whoever opens one sees
/// to it that nobody else uses the same folder.
class WorkTree {
 public:
  /// The folder of make's products, in the tree: git passes it over.
  static constexpr const char* kObjects = "obj";

  /// Creates the folder `dir`, or mends it: what an interrupted call left there is no hindrance. Errors: harness.usage
  /// when `tree` is no git checkout; lab.git.
  static Result<WorkTree> open(const std::filesystem::path& tree, const std::filesystem::path& dir,
                               const Deadline& deadline);

  const std::filesystem::path& dir() const { return dir_; }
  /// Puts the files of `commit` there, and takes away what else is there, but for kObjects.
  Result<void> go_to(const std::string& commit, const Deadline& deadline) const;
  /// Takes `commit` back on top of what is there. False when it does not revert; the files are then those of before.
  Result<bool> revert(const std::string& commit, const Deadline& deadline) const;
  /// Git's id of all files as they are now, committed or not: the same for the same content.
  Result<std::string> content_id(const Deadline& deadline) const;

 private:
  explicit WorkTree(std::filesystem::path dir) : dir_(std::move(dir)) {}
  std::filesystem::path dir_;
};

/// What git is given besides its arguments.
struct GitInput {
  std::string_view feed = {};                   ///< its standard input
  std::map<std::string, std::string> env = {};  ///< such as GIT_INDEX_FILE, for work beside the files
};

/// Runs git in `dir`, without hooks, without asking anybody and without reaching for the network.
Result<Output> run_git(const std::filesystem::path& dir, std::vector<std::string> arguments, const Deadline& deadline,
                       const GitInput& input = {});
/// What it printed. Errors: lab.git with what it said.
Result<std::string> ask_git(const std::filesystem::path& dir, std::vector<std::string> arguments,
                            const Deadline& deadline);

}  // namespace holdfast
