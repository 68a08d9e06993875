// How does a bisection build kernels and run cases: with what `kernel build` and `run` do?
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "harness/bisect/workshop.h"
#include "harness/kernel/incremental_build.h"
#include "harness/options/bisect_options.h"
#include "harness/plan.h"

namespace holdfast {

/// Builds the tree in `dir` as it is, under a name that stands for `label`. What keeps the tree from being built is a
/// result; a full disk or a missing compiler an error.
Result<bisect::BuiltCommit> build_tree(const CaseOnTree& what, const std::filesystem::path& dir,
                                       const std::string& label, const Deadline& deadline,
                                       const ProgressSink& progress);

/// Builds what lies in the builder's tree. What keeps it from being built is a result.
Result<bisect::BuiltCommit> build_step(IncrementalBuild& builder, const StepWish& wish, const Deadline& deadline,
                                       const ProgressSink& progress);

/// The targets that the cases would run on. A mistake in the filter is to be known before the first kernel is built.
/// Errors: harness.usage when no case matches, with the nearest name.
Result<std::vector<TargetProfile>> check_cases(const CaseOnTree& what);

/// Runs the cases of `filter` once, in a `holdfast run` of its own whose results go below `out`. Errors: harness.usage
/// when no case matches; harness.run when it ends without a result.
Result<std::vector<bisect::CaseResult>> run_cases(const CaseOnTree& what, const std::string& kernel,
                                                  const std::string& filter, const std::filesystem::path& out,
                                                  const Deadline& deadline);

/// Builds one commit after the other, each with what differs, and while cases run the one that is likely to be next.
/// The kernels stay in the store, for a search that is resumed; whoever ends the search removes them.
class KernelWorkshop : public bisect::Workshop {
 public:
  KernelWorkshop(const CaseOnTree& what, IncrementalBuild& builder, std::filesystem::path runs, ProgressSink progress);
  ~KernelWorkshop() override;

  Result<bisect::BuiltCommit> build(const std::string& commit, const Deadline& deadline) override;
  Result<bisect::BuiltCommit> build_without(const std::string& tip, const std::string& culprit,
                                            const Deadline& deadline) override;
  void build_ahead(const std::string& commit) override;
  Result<std::vector<bisect::CaseResult>> run(const std::string& kernel, const std::string& filter,
                                              const Deadline& deadline) override;

 private:
  class Ahead;
  Result<bisect::BuiltCommit> build_now(const std::string& commit, const Deadline& deadline);

  const CaseOnTree& what_;
  IncrementalBuild& builder_;
  std::filesystem::path runs_;
  ProgressSink progress_;
  std::unique_ptr<Ahead> ahead_;  // works with builder_, so that nothing else does while it is there
};

/// The name under which the store has the kernel of a commit.
std::string kernel_name_of(const std::string& commit);

}  // namespace holdfast
