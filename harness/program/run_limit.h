// When does a run end though it has cases left?
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/deadline.h"

namespace holdfast {

/// A stop that is requested with the program's own, or when the time of the run is over.
class RunLimit {
 public:
  /// `until`: each a time ("2031-05-17T06:00:00Z") or a span from now ("5h"); the earliest counts. `program` outlives
  /// it. Errors: harness.usage for what is neither.
  static Result<std::unique_ptr<RunLimit>> start(const std::vector<std::string>& until, const Stop& program);
  RunLimit(const RunLimit&) = delete;
  RunLimit& operator=(const RunLimit&) = delete;
  ~RunLimit();

  const Stop& stop() const { return stop_; }
  /// Why the stop was requested, when it was the time: "out of time: this run was to end after 5h".
  std::optional<std::string> out_of_time() const;

 private:
  RunLimit(Stop stop, Stop over) : stop_(std::move(stop)), over_(std::move(over)) {}
  void watch(const Deadline& end);

  Stop stop_;
  Stop over_;  ///< the run is
  std::string reason_;
  std::atomic<bool> late_ = false;
  std::jthread thread_;
};

}  // namespace holdfast
