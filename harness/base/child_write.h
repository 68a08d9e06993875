// How is a file written when the kernel may block the writer for as long as it likes?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast {

/// A write in a process of its own. Unbinding a device that somebody holds, to name one, blocks its writer until the
/// device is released, and no signal gets it out: the process that waits for it must be one that nobody needs. It holds
/// no descriptor but the two that it has to: one more reference to a session or a device would keep the kernel from
/// releasing it. It goes on when this object is destroyed, and is reaped once wait() has its answer. Move-only.
class ChildWrite {
 public:
  /// Begins to write `text` to `file`, in one call. Errors: lab.io when there is no process for it.
  static Result<ChildWrite> start(const Fd& file, std::string_view text);

  /// The errno that write answered (0: done), or nothing when it is still blocked at the deadline; EINTR when its
  /// process was killed. Not to be called again once it has answered.
  std::optional<int> wait(const Deadline& deadline) const;

 private:
  ChildWrite(Fd result, pid_t child) : result_(std::move(result)), child_(child) {}
  Fd result_;  ///< the child writes its errno here
  pid_t child_;
};

}  // namespace holdfast
