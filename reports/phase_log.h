// Which phases did each attempt go through, in their order?
#pragma once

#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "harness/event.h"

namespace holdfast::reports {

/// A phase of an attempt that is over. A name may come several times in one attempt.
struct PhaseSpan {
  std::string name;
  std::chrono::milliseconds took;
  bool ok;
};

/// A moment across a kexec, by Milestone::key(). One without a device stands before those of devices.
struct MilestoneSpot {
  std::string key;
  std::chrono::milliseconds at;
};

/// Remembers the phases and milestones of attempts, in the order of their ends. Not thread-safe.
class PhaseLog {
 public:
  PhaseLog() = default;
  /// For a reader that shows so many cases in full: once more are settled, those that pass at the first attempt are
  /// forgotten. CaseSettled itself has their sums.
  explicit PhaseLog(size_t enough_cases) : enough_cases_(enough_cases) {}

  void add(const PhaseEnded& phase);
  void add(const Milestone& milestone);
  /// Any event; those that tell of neither, and settle no case, are passed over.
  void add(const Event& event);
  /// Empty for an attempt that nothing is known of.
  const std::vector<PhaseSpan>& of(const Where& where) const;
  /// As of(), and forgets them.
  std::vector<PhaseSpan> take(const Where& where);
  /// The same for milestones, in the order in which they came.
  const std::vector<MilestoneSpot>& milestones_of(const Where& where) const;
  std::vector<MilestoneSpot> take_milestones(const Where& where);

 private:
  using Key = std::tuple<std::string, CaseId, int>;
  size_t enough_cases_ = std::numeric_limits<size_t>::max();
  size_t settled_ = 0;
  std::map<Key, std::vector<PhaseSpan>> phases_;
  std::map<Key, std::vector<MilestoneSpot>> milestones_;
};

/// Sums per name as spans in the order in which a case goes through its phases; for a reader that has no more.
std::vector<PhaseSpan> in_order(const std::map<std::string, std::chrono::milliseconds>& sums);

/// Those of a kexec as a reader gets them from a map, in the order in which they come.
std::vector<MilestoneSpot> milestones_in_order(const std::map<std::string, std::chrono::milliseconds>& milestones);

/// "milestone agent": under which a milestone's time stands where phases are compared over runs. Of a case's further
/// kexecs nothing: they would be mixed with the first.
std::optional<std::string> compared_name(std::string_view milestone_key);

/// Whether what is compared under that name is the way from one kernel to the next, or a part of it.
bool is_way_to_next_kernel(std::string_view name);

/// Where the order of phases, then of milestones, has `name`; behind all others for one that it does not know.
size_t phase_rank(const std::string& name);

}  // namespace holdfast::reports
