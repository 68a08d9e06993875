// What of a running system's disks must be at rest before its kernel is left for another one?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// A place where a file system of a block device is mounted for writing.
struct DiskMount {
  std::filesystem::path where;
  std::string device;       ///< "8:1": the same file system may be mounted in several places
  unsigned long flags = 0;  ///< MS_NOSUID and others that belong to this place, which a remount would clear
};

/// Those in the text of /proc/self/mountinfo, in the order of mounting; each file system once.
std::vector<DiskMount> writable_disks(std::string_view mountinfo);

/// File systems that were made read-only, so that nothing of the old kernel's is half written when the next kernel
/// starts. They stay so until undo(): the one that has them is on its way out. Move-only.
class RestingDisks {
 public:
  /// Where the kernel is told and asked; tests have their own.
  struct Places {
    std::filesystem::path mountinfo = "/proc/self/mountinfo";
    std::filesystem::path sysrq = "/proc/sysrq-trigger";
  };

  /// All of them: one by one, the newest mount first; and those that are in use by force, as sysrq's "u" does. Errors:
  /// the target's when one stays writable; then all are as before.
  static Result<RestingDisks> make(const Places& places, const Deadline& deadline);
  RestingDisks() = default;
  RestingDisks(RestingDisks&&) = default;
  RestingDisks& operator=(RestingDisks&&) = default;

  /// Writable again. What cannot be made so is told as the names of the places.
  std::vector<std::string> undo();

 private:
  std::vector<DiskMount> disks_;  ///< writable before, in the order of mounting
};

/// Makes the file system that is mounted there read-only, or writable again. Gives 0, or mount(2)'s errno.
int remount(const DiskMount& disk, bool read_only);

}  // namespace holdfast::agent
