// How does a bisection get the files of one commit after the other without touching the user's repository?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/file.h"
#include "harness/bisect/history.h"

namespace holdfast::bisect {

/// A work tree of its own below the cache, whose repository borrows the objects of the user's one: that gets no
/// worktree, no ref and no commit. Removed with this object. Move-only.
class Checkout {
 public:
  /// Removes first what bisections left that were killed. Errors: harness.usage when `tree` is no git checkout;
  /// lab.git.
  static Result<Checkout> open(const std::filesystem::path& tree, const std::filesystem::path& cache,
                               const Deadline& deadline);
  Checkout(Checkout&&) noexcept = default;
  Checkout& operator=(Checkout&&) = delete;
  ~Checkout();

  const std::filesystem::path& dir() const { return dir_; }
  /// Puts the files of `commit` there.
  Result<void> go_to(const std::string& commit, const Deadline& deadline) const;
  /// Takes `commit` back on top of what is there. False when it does not revert.
  Result<bool> revert(const std::string& commit, const Deadline& deadline) const;

 private:
  Checkout(FileLock lock, std::filesystem::path lock_file, std::filesystem::path dir)
      : lock_(std::move(lock)), lock_file_(std::move(lock_file)), dir_(std::move(dir)) {}

  FileLock lock_;
  std::filesystem::path lock_file_;
  std::filesystem::path dir_;
};

/// The id of a commit of `tree` that a user means. Errors: harness.usage naming the revision.
Result<std::string> commit_of(const std::filesystem::path& tree, const std::string& revision, const Deadline& deadline);

/// What `bad` contains and `good` does not. Errors: harness.usage when `good` is not contained in `bad`.
Result<History> history_between(const std::filesystem::path& tree, const std::string& good, const std::string& bad,
                                const Deadline& deadline);

}  // namespace holdfast::bisect
