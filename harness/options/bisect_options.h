// What did the user ask of a bisection?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast {

/// What `bisect` and `bisect-step` share.
struct CaseOnTree {
  std::filesystem::path tree;
  std::string filter = "*";
  std::vector<std::filesystem::path> configs;  ///< fragments added to the guest's own
  int jobs = 0;                                ///< compilers at once; 0: the number of cores
  std::filesystem::path out = "out";
  std::filesystem::path lab;       ///< the inventory, or empty
  std::string target;              ///< empty: as `run` chooses
  std::vector<std::string> words;  ///< further ones for `holdfast run`: --append, --accel...
};

struct BisectOptions {
  CaseOnTree what;
  std::string good;
  std::string bad;
  int most_runs = 500;
  double confidence = 0.99;
  bool resume = false;
  bool keep_kernels = false;
  std::filesystem::path junit;  ///< a further copy, or empty
};

/// One step for `git bisect run`.
struct BisectStepOptions {
  CaseOnTree what;
  int runs = 1;
  std::string type;  ///< the failure sought, "kernel.oops"; empty: any of the kernel's
};

}  // namespace holdfast
