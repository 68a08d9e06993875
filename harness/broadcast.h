// How do several listeners hear the same events?
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "harness/event.h"

namespace holdfast {

/// Hands each event to all sinks, in their order.
class Broadcast : public EventSink {
 public:
  void add(std::unique_ptr<EventSink> sink) { sinks_.push_back(std::move(sink)); }
  void on(const Event& event) override {
    for (const auto& sink : sinks_) sink->on(event);
  }

 private:
  std::vector<std::unique_ptr<EventSink>> sinks_;
};

}  // namespace holdfast
