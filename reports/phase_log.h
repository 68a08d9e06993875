// Which phases did each attempt go through, in their order?
#pragma once

#include <chrono>
#include <map>
#include <string>
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

/// Remembers the phases of attempts, in the order of their ends. Not thread-safe.
class PhaseLog {
 public:
  void add(const PhaseEnded& phase);
  /// Empty for an attempt that nothing is known of.
  const std::vector<PhaseSpan>& of(const Where& where) const;
  /// As of(), and forgets them.
  std::vector<PhaseSpan> take(const Where& where);

 private:
  using Key = std::tuple<std::string, CaseId, int>;
  std::map<Key, std::vector<PhaseSpan>> phases_;
};

/// Sums per name as spans in the order in which a case goes through its phases; for a reader that has no more.
std::vector<PhaseSpan> in_order(const std::map<std::string, std::chrono::milliseconds>& sums);

/// Where the order of phases has `name`; behind all others for one that it does not know.
size_t phase_rank(const std::string& name);

}  // namespace holdfast::reports
