// Which case comes next on which target, and where do the cases of a lost target go?
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/event.h"
#include "harness/plan.h"

namespace holdfast {

/// What each case took before, by target and CaseId::key().
using TimesBefore = std::map<std::pair<std::string, std::string>, Millis>;

/// The cases in the order in which they are best begun: where several run at once, those that take longest first, so
/// that none is left over at the end, alone; elsewhere as planned. What nobody has run before may take all of its time,
/// so it comes before what is known, by its timeout. Pure.
std::vector<const PlannedCase*> longest_first(const Plan& plan, const std::vector<TargetProfile>& targets,
                                              const TimesBefore& before);

/// A case on its way: it may begin on one target and go on on another.
struct Job {
  const PlannedCase* planned = nullptr;
  std::vector<AttemptEnded> attempts = {};
  int infra_left = 0;  ///< further attempts after a lab or harness error
  int judged = 0;      ///< attempts that count for --repeat
};

/// The cases of all targets. Targets in somebody's custody can be lost, and stand in for each other; the others look
/// after themselves and neither give nor take. Thread-safe.
class WorkQueue {
 public:
  /// `in_custody`: names of targets. All references outlive the queue.
  WorkQueue(const std::vector<TargetProfile>& targets, std::set<std::string> in_custody, const Stop& stop);

  /// Before the first next().
  void add(Job job);
  /// The next case of this target. Waits while another target may still be lost and leave it some. Nothing at the end,
  /// or when the stop is requested.
  std::optional<Job> next(const std::string& target);
  /// The case that next() gave is over.
  void done(const std::string& target);
  /// The target takes no more cases: what it has left, `in_hand` first, goes to others that can take it. Gives those
  /// that nobody can.
  std::vector<Job> lose(const std::string& target, std::optional<Job> in_hand);

 private:
  const TargetProfile* stand_in_for(const PlannedCase& planned) const;
  bool may_come(const std::string& target) const;

  const std::vector<TargetProfile>& targets_;
  std::set<std::string> in_custody_;  ///< and not lost
  const Stop& stop_;
  std::mutex mutex_;  ///< guards what follows, and in_custody_
  std::condition_variable changed_;
  std::map<std::string, std::deque<Job>> queues_;
  std::map<std::string, std::vector<const PlannedCase*>> in_hand_;
};

}  // namespace holdfast
