// What is the agent doing, for one who cannot ask it over its link?
#pragma once

#include <mutex>
#include <string>

#include "harness/base/deadline.h"

namespace holdfast::agent {

/// Set by the thread that serves, read by another. Thread-safe.
class Occupation {
 public:
  /// As long as it lives, the agent is busy with that verb.
  class Busy {
   public:
    Busy(Occupation& occupation, const std::string& verb) : occupation_(occupation) { occupation_.set(verb); }
    ~Busy() { occupation_.set({}); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    Occupation& occupation_;
  };

  /// Whether there is a link over which requests may come. At first there is.
  void set_up(bool up);

  /// "idle", "coming up", or "busy with vfio_bind for 12 s".
  std::string describe() const;

 private:
  void set(std::string verb);

  mutable std::mutex mutex_;  ///< guards what follows
  bool up_ = true;
  std::string verb_;  ///< empty: idle
  Deadline::Clock::time_point since_;
};

}  // namespace holdfast::agent
