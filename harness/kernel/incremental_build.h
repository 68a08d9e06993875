// How are many commits of one tree built, each with little more work than what differs from the one before?
//
// How to use it (kernel_verbs.h has `open_incremental`, with the guest's configuration):
//
//   auto builder = TRY(kernel::open_incremental({.tree = tree, .config = fragments}, deadline, progress));
//   TRY(builder.tree().go_to(commit, deadline));           // or revert(), or run_git(builder.tree().dir(), {"am",
//   ...}) auto step = TRY(builder.build({.name = "mine"}, deadline, progress));    // builds what lies in tree().dir()
//   now step.kernel            the kernel in the store, or nothing: then step.trouble says why, step.errors the lines
//   step.warnings          all of this kernel; new_warnings(before.warnings, step.warnings) are the ones that came
//   step.config_changes    "CONFIG_X: n -> y", against the step before in this folder
//
// <cache>/incremental/<key>/ has src (a WorkTree, with the objects in src/obj), lock, warnings and, while make runs,
// unfinished. The key stands for tree, configuration and toolchain; what stays there is what makes the next step cheap.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/kernel/build_area.h"
#include "harness/kernel/build_parts.h"
#include "harness/kernel/kernel_build.h"
#include "harness/kernel/warnings.h"
#include "harness/kernel/work_tree.h"

namespace holdfast {

/// What one step came to. A tree that cannot be built is a value: no kernel, and why.
struct StepBuild {
  std::optional<StoredKernel> kernel;
  bool from_store = false;             ///< the same content was built before: nothing was compiled
  std::string trouble = {};            ///< one line: "drivers/x.c:3:1: error: expected ';'"; empty with a kernel
  std::string errors = {};             ///< the lines of the log from the first error on, at most a dozen
  std::filesystem::path log = {};      ///< the whole one
  std::vector<Warning> warnings = {};  ///< of all objects of this kernel, also those made in earlier steps
  std::vector<std::string> config_changes = {};  ///< "CONFIG_X: n -> y"; empty in the first step of a folder
  uint64_t objects = 0;                          ///< how many commands this step took
  double seconds = 0;
};

/// How a step is to be done.
struct StepWish {
  std::string name = {};  ///< of the kernel in the store; may be empty
  unsigned jobs = 0;      ///< 0: as the request says
};

/// A folder for building one tree's commits. Holds its lock; two at a time of the same key get a folder each.
/// Move-only.
class IncrementalBuild {
 public:
  /// `request` names the tree, the fragments and the jobs; its series has to be empty. Removes folders that nobody has
  /// used for a month. Errors: harness.usage (no git checkout), lab.tool, lab.disk, lab.git.
  static Result<IncrementalBuild> open(const BuildRequest& request, const KernelStore& store, const Deadline& deadline,
                                       const ProgressSink& progress);

  const WorkTree& tree() const { return tree_; }

  /// Builds the files that lie in tree().dir(). Errors: what is not the tree's fault, lab.disk, lab.memory, lab.tool,
  /// harness.stopped.
  Result<StepBuild> build(const StepWish& wish, const Deadline& deadline, const ProgressSink& progress);

 private:
  IncrementalBuild(BuildRequest request, KernelStore store, std::filesystem::path root, WorkTree tree, BuildArea area)
      : request_(std::move(request)),
        store_(std::move(store)),
        root_(std::move(root)),
        tree_(std::move(tree)),
        area_(std::move(area)) {}

  Result<KernelConfig> configure(StepBuild& step, const Deadline& deadline, const ProgressSink& progress) const;
  Result<void> make(const BuildPlan& plan, const StepWish& wish, StepBuild& step, const Deadline& deadline,
                    const ProgressSink& progress) const;
  /// Takes the warnings of what was compiled now in place of those that the same objects had before.
  Result<WarningsByObject> gather_warnings() const;

  BuildRequest request_;
  KernelStore store_;
  std::filesystem::path root_;
  WorkTree tree_;
  BuildArea area_;
};

}  // namespace holdfast
