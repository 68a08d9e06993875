// How do events of several threads reach a consumer that takes one at a time?
#pragma once

#include <mutex>

#include "harness/event.h"

namespace holdfast {

/// Lets events of several threads through to `inner` one at a time.
class OneAtATime : public EventSink {
 public:
  explicit OneAtATime(EventSink& inner) : inner_(inner) {}
  void on(const Event& event) override {
    const std::scoped_lock lock(mutex_);
    inner_.on(event);
  }

 private:
  std::mutex mutex_;
  EventSink& inner_;
};

}  // namespace holdfast
