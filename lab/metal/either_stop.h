// How does one wait end for either of two reasons?
#pragma once

#include <memory>
#include <thread>

#include "harness/base/deadline.h"

namespace holdfast::lab {

/// A stop that is requested when one of two others is. Both outlive it.
class EitherStop {
 public:
  static Result<std::unique_ptr<EitherStop>> of(const Stop* first, const Stop& second);
  EitherStop(const EitherStop&) = delete;
  EitherStop& operator=(const EitherStop&) = delete;
  ~EitherStop();

  const Stop& stop() const { return stop_; }

 private:
  EitherStop(const Stop* first, const Stop& second, Stop stop, Stop end);
  void watch(const Stop* first, const Stop& second) const;

  const Stop stop_;
  const Stop end_;
  std::jthread watcher_;
};

}  // namespace holdfast::lab
