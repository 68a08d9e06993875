// How long may a night and its entries still take?
#include "lab/nightly/budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::lab {

NightBudget::NightBudget(const NightPlan& plan, Now now) : now_(now), began_(now()), whole_(plan.budget) {}

std::optional<Millis> NightBudget::left_of_night() const {
  if (!whole_) return std::nullopt;
  return std::max(Millis(0), std::chrono::duration_cast<Millis>(*whole_ - (now_() - began_)));
}

Millis NightBudget::used_by(const NightEntry& entry) const {
  const std::scoped_lock lock(mutex_);
  const auto known = used_.find(entry.name);
  return known == used_.end() ? Millis(0) : known->second;
}

void NightBudget::used(const NightEntry& entry, Millis took) {
  const std::scoped_lock lock(mutex_);
  used_[entry.name] += took;
}

std::optional<Millis> NightBudget::left(const NightEntry& entry) const {
  const auto of_night = left_of_night();
  if (!entry.budget) return of_night;
  const Millis of_entry = std::max(Millis(0), *entry.budget - used_by(entry));
  return of_night ? std::min(*of_night, of_entry) : of_entry;
}

Deadline NightBudget::deadline_for(const NightEntry& entry, const Stop& stop) const {
  const auto time = left(entry);
  return time ? Deadline::after(*time, &stop) : Deadline::never(&stop);
}

std::optional<std::string> NightBudget::spent(const NightEntry& entry) const {
  if (const auto of_night = left_of_night(); of_night && *of_night == Millis(0)) {
    return fmt::format("out of time: the night's budget of {} is used up", exact_span(*whole_));
  }
  if (!entry.budget || used_by(entry) < *entry.budget) return std::nullopt;
  return fmt::format("out of time: the budget of {} of entry {} is used up", exact_span(*entry.budget), entry.name);
}

std::string exact_span(std::chrono::seconds span) {
  const auto count = span.count();
  if (count % 3600 == 0) return fmt::format("{} h", count / 3600);
  if (count % 60 == 0) return fmt::format("{} min", count / 60);
  return fmt::format("{} s", count);
}

}  // namespace holdfast::lab
