// How is a file of sysfs written when the kernel may block the writer for as long as it likes?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// Writes in child processes. Unbinding a preserved device, to name one, blocks its writer until the device is
/// released, and no signal gets it out. A child holds no descriptor but the two that it needs: one more reference to a
/// session or a device would keep the kernel from releasing it. Children are reaped by the kernel (SIGCHLD is ignored).
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
    Fd result;  ///< the child writes its errno here
    std::string file;
    std::string text;
  };
  std::map<Job, Running> running_;
  Job next_ = 1;
};

}  // namespace holdfast::agent
