// Did a silent machine have a CPU of this computer, or did it only wait for one?
//
// A computer that has too much to do makes a sound kernel slow, and a slow one looks like one that hangs. Linux counts
// for each thread how long it was ready to run and did not (/proc/PID/task/TID/schedstat, the second number;
// Documentation/scheduler/sched-stats.rst). That time is no kernel's fault: a machine gets it back.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/error.h"

namespace holdfast::lab {

/// What one line of schedstat says that its thread has waited for a CPU; nothing when it is none. Pure.
std::optional<Millis> waited_in(std::string_view schedstat);

/// How long that thread of process `pid` which waited longest, a virtual CPU most likely, has waited for a CPU since it
/// began. Zero where the kernel does not count it, and of a process that is gone.
Millis waited_for_cpu(pid_t pid);

/// What a machine lost while somebody waits for a word of it, and gets back: half of the wait's time at most, since
/// whoever waits has a deadline too.
class LostTime {
 public:
  using Waited = std::function<Millis()>;  ///< never less than before

  LostTime(Waited waited, const Deadline& deadline);

  /// The deadline is over: until when the machine has time yet. Nothing when it got back what it lost, and when it
  /// lost more than can be given.
  std::optional<Deadline> more(const Stop* stop);
  /// Set when the machine lost so much that it had not even half of its time, which is more than ample: what its
  /// silence means then. Else the kernel had its chance.
  std::optional<Error> verdict() const;

 private:
  Millis lost() const { return waited_() - before_; }

  Waited waited_;
  Millis before_;
  Millis most_;  ///< half of the wait
  Millis given_{0};
};

}  // namespace holdfast::lab
