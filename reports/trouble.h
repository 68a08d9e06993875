// What does a report do about an error of its own, such as a full disk?
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "harness/base/result.h"

namespace holdfast::reports {

/// Told the first error that a report met in writing. Called from within EventSink::on.
using OnTrouble = std::function<void(const Error&)>;

/// Remembers the first error and tells it once: a full disk would otherwise be told with each event, and a report that
/// cannot be written must not end the run.
class Trouble {
 public:
  explicit Trouble(OnTrouble tell) : tell_(std::move(tell)) {}

  void check(const Result<void>& written) {
    if (written || first_) return;
    first_ = written.error();
    if (tell_) tell_(*first_);
  }
  const std::optional<Error>& first() const { return first_; }

 private:
  OnTrouble tell_;
  std::optional<Error> first_;
};

}  // namespace holdfast::reports
