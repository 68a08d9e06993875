// How does a kernel tree become a kernel in the store?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/config_fragment.h"
#include "harness/kernel/kernel_store.h"
#include "harness/kernel/patch_series.h"
#include "harness/kernel/progress.h"

namespace holdfast {

/// The tree to build. `key` stands for its content; when it is empty, the tree is somebody's own, and is looked at.
struct BuildSource {
  std::filesystem::path dir;
  std::string key;
  std::string describe;  ///< for the store; filled in when the tree is looked at
};

struct BuildRequest {
  BuildSource source;
  PatchSeries series;
  std::string series_name;                    ///< for the store: "reference", "faults"; empty: the series' own path
  std::vector<std::filesystem::path> config;  ///< fragments whose every symbol must survive; later ones win
  std::vector<std::filesystem::path> config_if_known;  ///< fragments of which only the tree's own symbols are asked for
  std::string name;                                    ///< may be empty: the kernel then goes by its key
  unsigned jobs = 0;                                   ///< 0: one for each CPU
};

/// A kernel and whether it had to be built for this.
struct BuiltKernel {
  StoredKernel kernel;
  bool built = false;
};

/// Gives the kernel that `request` describes: from the store when it is there (within a second), else built.
/// The tree is copied, never written into. An interrupted build leaves nothing that could be taken for a kernel.
/// Errors: harness.usage (no tree, a patch that does not apply, a symbol that did not survive), lab.tool, lab.disk,
/// kernel.build when it does not compile, with the first error lines and the path of the whole log.
Result<BuiltKernel> build_kernel(const BuildRequest& request, const KernelStore& store, const Deadline& deadline,
                                 const ProgressSink& progress);

}  // namespace holdfast
