// How far is a long piece of kernel work?
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "harness/base/deadline.h"

namespace holdfast {

/// One sign of life of a fetch or a build. A step that begins is told at once, one that goes on every few seconds.
struct Progress {
  std::string step;    ///< "download", "unpack", "copy", "patch", "configure", "compile", "wait"...
  std::string detail;  ///< what it is about: a package, a file, who holds the lock; may be empty
  uint64_t done = 0;   ///< in the step's own unit (bytes, files, objects)
  uint64_t total = 0;  ///< an estimate, or 0 when nobody knows
  Millis elapsed{0};   ///< since the step began
};

/// Called from the thread that does the work. An empty one is allowed: nobody listens.
using ProgressSink = std::function<void(const Progress&)>;

/// Tells one step's progress: knows when it began, and holds back what comes faster than a reader can follow.
class Step {
 public:
  /// Tells that the step begins.
  Step(const ProgressSink& sink, std::string name, std::string detail = {}, uint64_t total = 0)
      : sink_(sink), now_{.step = std::move(name), .detail = std::move(detail), .total = total} {
    tell();
  }

  /// Tells how far it is, at most every kEvery.
  void at(uint64_t done, std::string detail = {}) {
    now_.done = done;
    if (!detail.empty()) now_.detail = std::move(detail);
    if (Deadline::Clock::now() - told_ >= kEvery) tell();
  }
  /// Tells the end.
  void end(uint64_t done) {
    now_.done = done;
    tell();
  }
  Millis elapsed() const { return std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began_); }

 private:
  static constexpr Millis kEvery{3000};
  void tell() {
    told_ = Deadline::Clock::now();
    now_.elapsed = elapsed();
    if (sink_) sink_(now_);
  }

  const ProgressSink& sink_;
  Progress now_;
  Deadline::Clock::time_point began_ = Deadline::Clock::now();
  Deadline::Clock::time_point told_;
};

}  // namespace holdfast
