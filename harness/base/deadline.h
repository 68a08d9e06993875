// Until when may a blocking call wait, and what ends it earlier?
#pragma once

#include <chrono>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast {

using Millis = std::chrono::milliseconds;

/// A request to stop that threads and poll() can both see. One per program; requested from a signal handler or by a
/// test. Thread-safe, async-signal-safe to request, never taken back.
class Stop {
 public:
  static Result<Stop> create();

  void request() const noexcept;
  bool requested() const noexcept;
  /// Becomes readable when stop is requested, and stays so.
  int fd() const { return event_.get(); }

 private:
  explicit Stop(Fd event) : event_(std::move(event)) {}
  Fd event_;
};

/// A point on the steady clock after which waiting is over, plus the stop that can end it earlier. Copied freely; the
/// Stop must outlive it.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Millis span, const Stop* stop = nullptr) { return {Clock::now() + span, stop}; }
  static Deadline never(const Stop* stop = nullptr) { return {Clock::time_point::max(), stop}; }

  /// The same stop, and the earlier of this deadline and `span` from now.
  Deadline at_most(Millis span) const;

  bool expired() const { return Clock::now() >= at_; }
  bool stopped() const { return stop_ != nullptr && stop_->requested(); }
  /// Never negative; rounded up, so that poll() with it does not spin.
  Millis remaining() const;
  const Stop* stop() const { return stop_; }

 private:
  Deadline(Clock::time_point at, const Stop* stop) : at_(at), stop_(stop) {}
  Clock::time_point at_;
  const Stop* stop_;
};

/// How a wait ended.
enum class Wake { kReady, kDeadline, kStopped };

/// Waits until `fd` is readable (or at its end), the deadline is over or stop is requested.
Wake wait_readable(int fd, const Deadline& deadline);
/// As above, for writing.
Wake wait_writable(int fd, const Deadline& deadline);
/// Waits for nothing but the deadline or the stop.
Wake wait_until(const Deadline& deadline);

/// The error for a wait that did not end with kReady: lab.timeout or harness.stopped, saying what was waited for.
Error wait_error(Wake wake, std::string_view waited_for);

}  // namespace holdfast
