// How long may one try to log in take, when a machine is tried over and over?
#pragma once

#include <algorithm>

#include "harness/base/deadline.h"

namespace holdfast::lab {

/// A try must end some time: the machine may have begun anew in the middle of it, and its old end says nothing any
/// more. One that was ended by its own limit may also have been on a good way to a slow sshd: ssh itself gives up on
/// who does not even answer (ConnectTimeout), and sooner. So the next one gets twice the time.
class LoginPatience {
 public:
  /// Until when the next try may go on.
  Deadline begin(const Deadline& deadline) {
    ++tries_;
    limit_ = deadline.at_most(span_);
    return limit_;
  }
  /// How long this try may wait for the first answer. A machine that comes up in the middle of it may not see what was
  /// sent before, and is noticed at the end only: so most tries are short. One in four has time for an sshd that is
  /// slow.
  std::chrono::seconds to_answer() const { return tries_ % 4 == 0 ? kSlowAnswer : kQuickAnswer; }
  /// It came to nothing.
  void failed() {
    if (limit_.expired()) span_ = std::min(span_ * 2, kLongest);
  }
  Millis span() const { return span_; }

 private:
  static constexpr Millis kFirst{15'000};  // longer than ConnectTimeout
  static constexpr Millis kLongest{120'000};
  static constexpr std::chrono::seconds kQuickAnswer{3};
  static constexpr std::chrono::seconds kSlowAnswer{10};
  Millis span_ = kFirst;
  int tries_ = 0;
  Deadline limit_ = Deadline::never();
};

}  // namespace holdfast::lab
