// What do the verbs `holdfast kernel fetch | build | list | rm` do? They return values; the caller prints.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/incremental_build.h"
#include "harness/kernel/kernel_build.h"
#include "harness/kernel/kernel_source.h"
#include "harness/kernel/kernel_store.h"
#include "harness/kernel/progress.h"

namespace holdfast::kernel {

/// The names that kernels without a tree of their own get: Debian's source with the reference series, with the fault
/// switches on top of it, and without either. The first two are also the words that stand for these series.
inline constexpr std::string_view kReference = "reference";
inline constexpr std::string_view kFaults = "faults";
inline constexpr std::string_view kStock = "stock";

struct FetchOptions {
  std::filesystem::path cache = {};   ///< empty: cache_dir()
  std::filesystem::path series = {};  ///< empty: the reference series, which the source has to fit
};

struct BuildOptions {
  std::filesystem::path cache = {};  ///< empty: cache_dir()
  std::filesystem::path tree = {};   ///< empty: Debian's source, fetched when there is none yet
  std::string series = {};  ///< a path, "reference", "faults" or "none"; empty: "reference", but with a tree "none"
  std::vector<std::filesystem::path> config = {};           ///< added to the guest's fragment, in this order
  std::vector<std::filesystem::path> config_if_known = {};  ///< likewise, as far as the tree knows the symbols
  std::string name = {};  ///< empty: after the tree, else "stock", or after the series
  unsigned jobs = 0;      ///< 0: one for each CPU
};

struct Built {
  StoredKernel kernel;
  bool built = false;              ///< false: it was there already
  std::vector<std::string> notes;  ///< as of FetchedSource
};

/// Errors: those of fetch_source.
Result<FetchedSource> fetch(const FetchOptions& options, const Deadline& deadline, const ProgressSink& progress = {});

/// Errors: those of fetch_source (without a tree) and build_kernel.
Result<Built> build(const BuildOptions& options, const Deadline& deadline, const ProgressSink& progress = {});

/// For many commits of one tree: with the configuration that build() gives it, and no series. Errors: those of
/// IncrementalBuild::open.
Result<IncrementalBuild> open_incremental(const BuildOptions& options, const Deadline& deadline,
                                          const ProgressSink& progress = {});

/// All kernels of the store. An empty `cache` is cache_dir().
Result<std::vector<StoredKernel>> list(const std::filesystem::path& cache = {});

/// Removes a name, and the kernel with its last name.
Result<StoredKernel> rm(std::string_view name, const std::filesystem::path& cache = {});

/// The kernel that a user means by a name or a path.
Result<KernelImage> resolve(std::string_view k, const Deadline& deadline, const std::filesystem::path& cache = {});

/// For `list kernels --json`: an array of objects with names, key, path, release, build_id, source, series, compiler,
/// built_at and modules (a path or null).
std::string to_json(const std::vector<StoredKernel>& kernels);

}  // namespace holdfast::kernel
