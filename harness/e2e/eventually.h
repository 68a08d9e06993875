// How do end-to-end tests wait for what comes by itself?
#pragma once

#include "harness/base/deadline.h"

namespace holdfast::e2e {

/// Waits until `condition` holds; false after `limit`.
template <typename Condition>
bool eventually(const Condition& condition, Millis limit = Millis(300'000)) {
  const Deadline deadline = Deadline::after(limit);
  while (!condition()) {
    if (deadline.expired()) return false;
    wait_until(deadline.at_most(Millis(200)));
  }
  return true;
}

}  // namespace holdfast::e2e
