// Where and how is a kernel compiled, once it is clear what is to be compiled?
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/config_fragment.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/patch_series.h"
#include "harness/kernel/progress.h"
#include "harness/kernel/work_lock.h"

namespace holdfast {

/// What is to be compiled.
struct CompileWish {
  bool modules = false;
  unsigned jobs = 0;       ///< 0: one for each CPU
  uint64_t expected = 0;   ///< the number of objects of an earlier build; 0: nobody knows
  bool in_pieces = false;  ///< the log has what a target's commands print in one piece, after they have ended
};

/// A place where kernels are compiled: a folder src, with the objects in its folder obj, so that every path that a
/// compiler sees is relative and stays the same, and ccache finds its objects again. Exists while its lock is held.
/// <cache>/build is the one for single kernels: what a build leaves there stays until the next one, which empties obj
/// and mends the copy. Move-only.
class BuildArea {
 public:
  /// <cache>/build: waits for the lock. `log` gets what every program prints.
  static Result<BuildArea> enter(const std::filesystem::path& cache, std::string_view doing, std::filesystem::path log,
                                 const Deadline& deadline, const ProgressSink& progress);

  /// Another place, `root`, whose lock the caller has taken. Errors: harness.usage for a path that no makefile takes.
  static Result<BuildArea> at(WorkLock lock, const std::filesystem::path& cache, std::filesystem::path root);
  /// Begins another log.
  Result<void> log_to(std::filesystem::path log);
  const std::filesystem::path& log() const { return log_; }

  /// The copy of the tree, to be filled by mirror_tree and the patches.
  std::filesystem::path source() const { return root_ / "src"; }
  std::filesystem::path objects() const { return source() / "obj"; }
  /// Removes the objects of the build before.
  void clear_objects() const;

  /// Removes what a build inside the original tree left in the copy; the kernel refuses to build beside it.
  Result<void> clean(const Deadline& deadline, const ProgressSink& progress) const;
  /// allnoconfig with `wishes`; errors when one did not survive. Gives the configuration.
  Result<KernelConfig> configure(const std::vector<ConfigWish>& wishes, const Deadline& deadline,
                                 const ProgressSink& progress) const;
  /// Compiles bzImage, and the modules when they are wished. Gives the number of objects. Errors: kernel.build,
  /// lab.disk, lab.memory.
  Result<uint64_t> compile(const CompileWish& wish, const Deadline& deadline, const ProgressSink& progress) const;
  /// Installs the modules below `into`: lib/modules/<release>/...
  Result<void> install_modules(const std::filesystem::path& into, const Deadline& deadline) const;

 private:
  BuildArea(WorkLock lock, std::filesystem::path cache, std::filesystem::path root);
  /// Runs make with `arguments`; gives whether it succeeded.
  Result<bool> make(std::vector<std::string> arguments, const Deadline& deadline,
                    const std::function<void()>& tick) const;
  Error explain(std::string_view doing) const;

  WorkLock lock_;
  std::filesystem::path cache_;
  std::filesystem::path root_;
  std::filesystem::path log_;
};

/// The lines of a build log that say what went wrong first: at most a dozen, from the first error on.
std::string first_errors(std::string_view log);

}  // namespace holdfast
