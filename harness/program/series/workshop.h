// How are the kernels of a patch series built and tested: with what `kernel build` and `run` do?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/kernel/incremental_build.h"
#include "harness/options/bisect_options.h"
#include "harness/series/workshop.h"
#include "reports/printer.h"

namespace holdfast {

/// Builds one after the other in a folder that stays in the cache, so that the next series on this tree finds most of
/// its work done. The kernels are in the store until drop_kernels().
class SeriesWorkshop : public series::Workshop {
 public:
  /// `runs` gets a folder for each kernel. All three live longer than this.
  SeriesWorkshop(const CaseOnTree& what, IncrementalBuild& builder, std::filesystem::path runs,
                 reports::Progress& progress)
      : what_(what), builder_(builder), runs_(std::move(runs)), progress_(progress) {}

  Result<series::BuiltState> build(const std::string& commit, const Deadline& deadline) override;
  Result<series::CaseRun> run(const std::string& kernel, const std::string& filter, const Deadline& deadline) override;

  /// Takes the names away that the kernels have in the store, and with them kernels that have no other.
  void drop_kernels();

 private:
  const CaseOnTree& what_;
  IncrementalBuild& builder_;
  std::filesystem::path runs_;
  reports::Progress& progress_;
  std::vector<std::string> names_;
};

}  // namespace holdfast
