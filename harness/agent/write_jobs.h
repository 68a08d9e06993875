// How is a file of sysfs written when the kernel may block the writer for as long as it likes?
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/child_write.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// Writes in processes of their own (harness/base/child_write.h), each of which is found again for as long as the
/// kernel blocks it.
class WriteJobs {
 public:
  using Job = uint64_t;

  /// Begins to write, or finds the job that is still blocked in writing the same (one that has ended, but whose end was
  /// not waited for, is forgotten and written anew). Errors: the kernel's, of open.
  Result<Job> start(const std::filesystem::path& file, std::string_view text);

  /// The errno that write answered (0: done), or nothing when it is still blocked at the deadline. A job that has ended
  /// is forgotten. Errors: the request's when there is no such job.
  Result<std::optional<int>> wait(Job job, const Deadline& deadline);

 private:
  struct Running {
    ChildWrite write;
    std::string file;
    std::string text;
  };
  std::map<Job, Running> running_;
  Job next_ = 1;
};

}  // namespace holdfast::agent
