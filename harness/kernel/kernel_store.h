// Which kernels has this machine built, and where are they?
//
//   <cache>/kernels/<key>/   bzImage config meta.json build.log, and modules/ when it has any; renamed into place whole
//   <cache>/names/<name>     a file that holds the key of the kernel of that name
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/kernel/kernel_image.h"

namespace holdfast {

/// One kernel of the store, whole.
struct StoredKernel {
  std::string key;                 ///< 64 hex digits: a digest of all that it was made of
  std::vector<std::string> names;  ///< in alphabetical order; may be empty
  std::filesystem::path dir;
  std::string release;  ///< uname -r
  std::string build_id;
  std::string source;    ///< "Debian linux-source-7.3 7.3.4-1", "tree /src/linux 1a2b3c4d5e6f"
  std::string series;    ///< "reference, 3 patches"; empty without one
  std::string compiler;  ///< first line of gcc --version
  std::string built_at;  ///< UTC, "2026-01-31T12:00:00Z"
  uint64_t objects = 0;  ///< how many commands its build printed: the next build's estimate

  std::filesystem::path image() const { return dir / "bzImage"; }
  std::filesystem::path log() const { return dir / "build.log"; }
  std::filesystem::path config() const { return dir / "config"; }
  /// The folder with its modules, or empty when everything is built in.
  std::filesystem::path modules() const;
  /// Source and series: kernels of one origin are the same code, whatever their configuration.
  std::string origin() const;
};

/// The store below a cache folder. Safe to use from several processes: every change is one rename.
class KernelStore {
 public:
  explicit KernelStore(std::filesystem::path cache) : cache_(std::move(cache)) {}

  const std::filesystem::path& cache() const { return cache_; }

  /// All whole kernels, ordered by name; those without a name last. A store that is not there yet is an empty one.
  std::vector<StoredKernel> list() const;
  std::optional<StoredKernel> by_key(std::string_view key) const;
  /// By name, by key, or by the first digits of a key (at least 8) when they are unambiguous.
  std::optional<StoredKernel> find(std::string_view name) const;

  /// The kernel that a user means by `k`: a path to a bzImage when it has a slash, else a name, else a file of that
  /// name. Errors: harness.usage naming the nearest name; those of inspect_kernel.
  Result<KernelImage> resolve(std::string_view k, const Deadline& deadline) const;

  /// An empty folder to put a kernel's files into, for publish(). Left-over ones are removed by clear_staging().
  Result<std::filesystem::path> stage() const;
  /// Writes meta.json into `staged` and renames the folder into place; a kernel of the same key that is there already
  /// stays. Takes key, source, series... from `kernel`.
  Result<StoredKernel> publish(const std::filesystem::path& staged, StoredKernel kernel) const;
  /// Removes what interrupted builds left. Only the holder of the build lock may do it.
  void clear_staging() const;

  /// Lets `name` mean the kernel `key`, whatever it meant before. Errors: harness.usage for a name that cannot be one.
  Result<void> give_name(std::string_view name, std::string_view key) const;
  /// Takes the name away, and removes the kernel when that was its last (or when it is named by its key). Gives what it
  /// was. Errors: harness.usage naming the nearest.
  Result<StoredKernel> remove(std::string_view name) const;

 private:
  std::filesystem::path kernels() const { return cache_ / "kernels"; }
  std::filesystem::path names() const { return cache_ / "names"; }
  Error unknown(std::string_view name) const;

  std::filesystem::path cache_;
};

/// Errors: harness.usage saying which names there can be.
Result<void> check_kernel_name(std::string_view name);

/// A name that a kernel may have: letters, digits and ._+- with a letter or digit first, at most 64, and not "none".
bool valid_kernel_name(std::string_view name);

}  // namespace holdfast
