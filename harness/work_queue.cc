// Which case comes next on which target, and where do the cases of a lost target go?
#include "harness/work_queue.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace holdfast {
namespace {

/// How often one who waits for cases of others looks whether the run is to stop.
constexpr Millis kLookEvery{100};

/// How long the case may well take: longer than any that is known when nobody knows.
std::pair<bool, Millis> weight(const PlannedCase& planned, const TimesBefore& before) {
  const auto known = before.find({planned.target, planned.id.key()});
  return known != before.end() ? std::pair(false, known->second)
                               : std::pair(true, std::chrono::duration_cast<Millis>(planned.info->needs.timeout));
}

}  // namespace

std::vector<const PlannedCase*> longest_first(const Plan& plan, const std::vector<TargetProfile>& targets,
                                              const TimesBefore& before) {
  std::vector<const PlannedCase*> order;
  for (const PlannedCase& planned : plan.cases) order.push_back(&planned);
  std::ranges::stable_sort(order, std::ranges::greater(), [&](const PlannedCase* one) {
    const auto target = std::ranges::find(targets, one->target, &TargetProfile::name);
    const bool alone = target == targets.end() || target->slots <= 1;
    return alone || !one->skip_reason.empty() ? std::pair(false, Millis(0)) : weight(*one, before);
  });
  return order;
}

WorkQueue::WorkQueue(const std::vector<TargetProfile>& targets, std::set<std::string> in_custody, const Stop& stop)
    : targets_(targets), in_custody_(std::move(in_custody)), stop_(stop) {}

void WorkQueue::add(Job job) {
  const std::scoped_lock lock(mutex_);
  queues_[job.planned->target].push_back(std::move(job));
}

std::optional<Job> WorkQueue::next(const std::string& target) {
  std::unique_lock lock(mutex_);
  std::deque<Job>& queue = queues_[target];
  while (!stop_.requested()) {
    if (!queue.empty()) {
      Job job = std::move(queue.front());
      queue.pop_front();
      in_hand_[target].push_back(job.planned);
      return job;
    }
    if (!may_come(target)) return std::nullopt;
    changed_.wait_for(lock, kLookEvery);
  }
  return std::nullopt;
}

void WorkQueue::done(const std::string& target) {
  const std::scoped_lock lock(mutex_);
  if (auto& mine = in_hand_[target]; !mine.empty()) mine.pop_back();
  changed_.notify_all();
}

std::vector<Job> WorkQueue::lose(const std::string& target, std::optional<Job> in_hand) {
  const std::scoped_lock lock(mutex_);
  in_custody_.erase(target);
  in_hand_.erase(target);
  std::deque<Job> left = std::exchange(queues_[target], {});
  if (in_hand) left.push_front(*std::move(in_hand));
  std::vector<Job> homeless;
  for (Job& job : left) {
    if (const TargetProfile* other = stand_in_for(*job.planned)) {
      queues_[other->name].push_back(std::move(job));
    } else {
      homeless.push_back(std::move(job));
    }
  }
  changed_.notify_all();
  return homeless;
}

/// The one with the least to do.
const TargetProfile* WorkQueue::stand_in_for(const PlannedCase& planned) const {
  const TargetProfile* best = nullptr;
  const auto length = [&](const TargetProfile& target) {
    const auto found = queues_.find(target.name);
    return found == queues_.end() ? size_t{0} : found->second.size();
  };
  for (const TargetProfile& target : targets_) {
    if (!in_custody_.contains(target.name) || !can_take(target, planned)) continue;
    if (best == nullptr || length(target) < length(*best)) best = &target;
  }
  return best;
}

bool WorkQueue::may_come(const std::string& target) const {
  const auto me = std::ranges::find(targets_, target, &TargetProfile::name);
  if (me == targets_.end() || !in_custody_.contains(target)) return false;
  return std::ranges::any_of(in_custody_, [&](const std::string& other) {
    if (other == target) return false;
    const auto queue = queues_.find(other);
    const auto hand = in_hand_.find(other);
    return (queue != queues_.end() &&
            std::ranges::any_of(queue->second, [&](const Job& job) { return can_take(*me, *job.planned); })) ||
           (hand != in_hand_.end() &&
            std::ranges::any_of(hand->second, [&](const PlannedCase* one) { return can_take(*me, *one); }));
  });
}

}  // namespace holdfast
