// Which runs of a night may go on side by side?
#include "lab/nightly/schedule.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace holdfast::lab {
namespace {

bool is_some(const Capacity& capacity) { return capacity.cores > 0 || capacity.memory_mib > 0; }

bool meet(const std::set<std::string>& one, const std::set<std::string>& other) {
  return std::ranges::any_of(one, [&](const std::string& name) { return other.contains(name); });
}

}  // namespace

NightSchedule::NightSchedule(std::vector<NightClaim> claims, const Capacity& whole, int at_once)
    : claims_(std::move(claims)), whole_(whole), at_once_(static_cast<size_t>(std::max(1, at_once))) {
  for (size_t run = 0; run < claims_.size(); ++run) waiting_.insert(waiting_.end(), run);
}

std::optional<size_t> NightSchedule::next() {
  if (under_way_.size() >= at_once_) return std::nullopt;
  std::set<std::string> taken;
  for (const size_t run : under_way_) taken.insert(claims_[run].alone.begin(), claims_[run].alone.end());
  bool machines_are_awaited = false;
  for (const size_t run : waiting_) {
    const NightClaim& claim = claims_[run];
    const bool has_room = has_room_for(claim.machines) && !(machines_are_awaited && is_some(claim.machines));
    if (has_room && !meet(claim.alone, taken)) {
      waiting_.erase(run);
      under_way_.insert(run);
      return run;
    }
    taken.insert(claim.alone.begin(), claim.alone.end());
    machines_are_awaited = machines_are_awaited || !has_room;
  }
  return std::nullopt;
}

void NightSchedule::done(size_t run) { under_way_.erase(run); }

bool NightSchedule::has_room_for(const Capacity& wanted) const {
  if (!is_some(wanted)) return true;
  Capacity used;
  for (const size_t run : under_way_) {
    used.cores += claims_[run].machines.cores;
    used.memory_mib += claims_[run].machines.memory_mib;
  }
  const bool fits =
      used.cores + wanted.cores <= whole_.cores && used.memory_mib + wanted.memory_mib <= whole_.memory_mib;
  return fits || !is_some(used);
}

namespace {

/// The threads of runs that go on, and which of them are over.
class UnderWay {
 public:
  void start(size_t run, const std::function<void(size_t)>& carry_out) {
    std::packaged_task<void()> work([run, &carry_out] { carry_out(run); });
    results_.emplace(run, work.get_future());
    threads_.emplace(run, std::jthread([this, run, task = std::move(work)]() mutable {
                       task();
                       const std::scoped_lock lock(mutex_);
                       over_.push_back(run);
                       changed_.notify_one();
                     }));
  }

  /// Waits for one to end. Throws what it has thrown.
  size_t take_ended() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !over_.empty(); });
    const size_t run = over_.front();
    over_.pop_front();
    lock.unlock();
    threads_.erase(run);  // joins it
    results_.extract(run).mapped().get();
    return run;
  }

 private:
  std::map<size_t, std::future<void>> results_;  ///< the caller's alone
  std::mutex mutex_;                             ///< guards what follows
  std::condition_variable changed_;
  std::deque<size_t> over_;
  std::map<size_t, std::jthread> threads_;  ///< the caller's alone; joined first
};

}  // namespace

void carry_out_all(NightSchedule& schedule, const RunSteps& steps) {
  UnderWay under_way;
  while (!schedule.over()) {
    while (const auto run = schedule.next()) {
      steps.begins(*run);
      under_way.start(*run, steps.carry_out);
    }
    const size_t run = under_way.take_ended();
    schedule.done(run);
    steps.ended(run);
  }
}

}  // namespace holdfast::lab
