// How long may a night and its entries still take?
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "lab/nightly/night_plan.h"

namespace holdfast::lab {

/// Counts from when it is made. The clock can be another one in tests. Thread-safe.
class NightBudget {
 public:
  using Now = Deadline::Clock::time_point (*)();
  explicit NightBudget(const NightPlan& plan, Now now = &Deadline::Clock::now);

  /// What is left for a run of the entry; nothing: as long as it takes.
  std::optional<Millis> left(const NightEntry& entry) const;
  /// Until when that is.
  Deadline deadline_for(const NightEntry& entry, const Stop& stop) const;
  /// A run of the entry has taken so long.
  void used(const NightEntry& entry, Millis took);
  /// Why nothing more of the entry runs; nothing as long as there is time.
  std::optional<std::string> spent(const NightEntry& entry) const;

 private:
  std::optional<Millis> left_of_night() const;
  Millis used_by(const NightEntry& entry) const;

  Now now_;
  Deadline::Clock::time_point began_;
  std::optional<std::chrono::seconds> whole_;
  mutable std::mutex mutex_;  ///< guards what follows
  std::map<std::string, Millis> used_;
};

/// "90 s", "150 min", "8 h": nothing of it is rounded away, unlike in span_text().
std::string exact_span(std::chrono::seconds span);

}  // namespace holdfast::lab
