// What kernel histories do the end-to-end tests of the bisection have?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/file.h"
#include "harness/e2e/program.h"

namespace holdfast::e2e {

/// 60 commits and more on the cache's kernel source (fixtures/history/make), one of which breaks a promise.
struct KernelHistory {
  std::filesystem::path tree;
  std::string good;  ///< commit ids
  std::string bad;
  std::string culprit;
};
/// Errors: what the maker said.
Result<KernelHistory> make_kernel_history(const std::filesystem::path& dir, std::vector<std::string> arguments);

/// A tree that stands in for a kernel's: its build takes a kernel of the store, by the name in the file `kernel`, so
/// that a commit costs no compilation. A name that does not exist is a commit that does not compile.
class StandInTree {
 public:
  explicit StandInTree(std::filesystem::path dir);
  const std::filesystem::path& dir() const { return dir_; }
  /// A commit whose kernel is the one called `kernel`; gives its id.
  std::string commit(const std::string& kernel);

 private:
  std::filesystem::path dir_;
  int commits_ = 0;
};

/// Removes what nights or submissions of a plan of that name have left of a kernel in the cache.
void forget_kernel(const Program& program, const std::string& plan, const std::string& kernel);

}  // namespace holdfast::e2e
