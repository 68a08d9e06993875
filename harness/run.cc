// How is a plan carried out?
//
// Each slot of a target is a worker thread: it takes the next case of its target's queue (work_queue.h) and runs it in
// a process of its own (case_process.h), again after an infra error or for --repeat, until the case is settled. A
// target in somebody's custody has one worker, which has it made ready before each attempt; when the target is lost its
// cases go elsewhere. All events pass one gate, so that their consumers see one at a time. When somebody asks to stop,
// running cases release their targets and nothing more is started.
#include "harness/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <tuple>

#include "harness/base/text.h"
#include "harness/case_process.h"
#include "harness/hold_point.h"

namespace holdfast {
namespace {

// What each part of looking after a machine may take at most on a target of time scale 1; the custodian's own steps
// have shorter limits. A ladder's last rungs switch the power off and on, and servers take many minutes to come up.
constexpr Millis kTakeLimit = std::chrono::minutes(5);
constexpr Millis kReadyLimit = std::chrono::minutes(60);
constexpr Millis kGiveBackLimit = std::chrono::minutes(60);
/// Of a run that was interrupted: somebody waits for its end.
constexpr Millis kHastyGiveBackLimit = std::chrono::minutes(2);

/// Lets events through one at a time and remembers the phases of each attempt, and which entries of the ignore list
/// let something pass.
class Gate : public EventSink {
 public:
  explicit Gate(EventSink& inner) : inner_(inner) {}
  void on(const Event& event) override {
    const std::scoped_lock lock(mutex_);
    if (const auto* phase = std::get_if<PhaseEnded>(&event)) {
      phases_[key(phase->where)][phase->phase] += phase->took;
    }
    if (const auto* milestone = std::get_if<Milestone>(&event)) {
      milestones_[key(milestone->where)][milestone->key()] = milestone->at;
    }
    if (const auto* allowed = std::get_if<FindingAllowed>(&event)) used_.insert({allowed->kind, allowed->pattern});
    inner_.on(event);
  }
  std::map<std::string, Millis> phases(const Where& where) {
    const std::scoped_lock lock(mutex_);
    return std::move(phases_[key(where)]);
  }
  std::map<std::string, Millis> milestones(const Where& where) {
    const std::scoped_lock lock(mutex_);
    return std::move(milestones_[key(where)]);
  }
  bool used(const Allowance& allowance) {
    const std::scoped_lock lock(mutex_);
    return used_.contains({allowance.kind, allowance.title});
  }

 private:
  static std::string key(const Where& where) { return attempt_dir(where, /*several_targets=*/true); }
  EventSink& inner_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, Millis>> phases_;
  std::map<std::string, std::map<std::string, Millis>> milestones_;
  std::set<std::pair<std::string, std::string>> used_;
};

class Execution {
 public:
  Execution(const Plan& plan, const std::vector<TargetProfile>& targets, const Controller& controller,
            const Custodians& custodians)
      : settings_(controller.settings),
        gate_(controller.events),
        stop_(controller.stop),
        several_targets_(targets.size() > 1),
        queue_(targets, names_of(custodians), controller.stop) {
    for (const auto& [of, outcome] : settings_.settled_before) count(outcome);
    for (const PlannedCase* planned : longest_first(plan, targets, settings_.before)) {
      if (settings_.settled_before.contains({planned->target, planned->id})) continue;
      if (planned->skip_reason.empty()) {
        go_on_with(*planned, custodians.contains(planned->target));
      } else {
        skip(*planned, planned->skip_reason);
      }
    }
  }

  /// Of a target that looks after itself.
  void work_on(const std::string& target) {
    while (auto job = queue_.next(target)) {
      if (!skipped_by_failfast(*job)) {
        while (!attempt(*job, target, nullptr)) {
        }
      }
      queue_.done(target);
    }
  }

  void work_on(const std::string& target, Custody& custody) {
    bool taken = false;
    while (auto job = queue_.next(target)) {
      if (skipped_by_failfast(*job)) {
        queue_.done(target);
        continue;
      }
      if (!work_through(*job, target, custody, taken)) return;
      queue_.done(target);
    }
    if (taken) give_back(target, custody);
  }

  /// What is not settled by now is skipped: there was no time for it.
  void skip_rest(const Plan& plan, const std::string& reason) {
    Verdict verdict = Verdict::from(cannot(reason));
    verdict.type = kOutOfTimeType;
    for (const PlannedCase& planned : plan.cases) {
      if (!is_settled(planned)) skip(planned, verdict);
    }
  }

  Gate& gate() { return gate_; }
  Tally tally() const { return tally_; }

  /// Entries of the ignore list that let nothing pass may have outlived what they were written for.
  void tell_stale() {
    if (stop_.requested()) return;
    for (const Allowance& one : settings_.allowances) {
      if (gate_.used(one)) continue;
      gate_.on(Note{Note::Level::kInfo, fmt::format("{}: [[allow]] \"{}\" matched nothing in this run ({})", one.source,
                                                    one.title, one.reason)});
    }
  }

 private:
  static std::set<std::string> names_of(const Custodians& custodians) {
    std::set<std::string> names;
    for (const auto& [name, custody] : custodians) names.insert(name);
    return names;
  }

  /// Queues the case, with what an earlier run did of it; settles it when that was all.
  void go_on_with(const PlannedCase& planned, bool in_custody) {
    Job job{.planned = &planned, .infra_left = settings_.retry_infra};
    const auto known = settings_.begun_before.find({planned.target, planned.id});
    if (known == settings_.begun_before.end()) return queue_.add(std::move(job));
    const Begun& begun = known->second;
    for (const AttemptEnded& attempt : begun.attempts) {
      numbers_.insert({attempt.where.target, planned.id, attempt.where.attempt});
      const bool error = attempt.verdict.outcome == Outcome::kError;
      if (!error) ++job.judged;
      if (error && !begun.again && !is_cut(attempt.verdict)) --job.infra_left;
    }
    job.attempts = begun.attempts;
    if (begun.again || !is_decided(job, in_custody)) return queue_.add(std::move(job));
    settle_case(job, std::nullopt);
  }

  /// By an end of the run, not by one of its own.
  static bool is_cut(const Verdict& verdict) {
    return verdict.type == kInterruptedType || verdict.type == "harness.stopped";
  }

  bool is_decided(const Job& job, bool in_custody) const {
    const Verdict& last = job.attempts.back().verdict;
    // Who was stopped has released its machine; who was interrupted may have left it anyhow.
    if (last.type == kInterruptedType) return in_custody && !settings_.rerun_interrupted;
    if (is_cut(last)) return false;
    if (last.outcome == Outcome::kError) return job.infra_left < 0;
    return last.outcome == Outcome::kSkipped || job.judged >= settings_.repeat;
  }

  std::string suite_of(const PlannedCase& planned) const {
    return planned.target + "/" + settings_.of(planned.target).kernels;
  }

  Deadline within(Millis limit, const std::string& target, const Stop* stop) const {
    const std::chrono::duration<double, std::milli> scaled = limit * std::max(1.0, settings_.scale_of(target));
    return Deadline::after(std::chrono::duration_cast<Millis>(scaled), stop);
  }

  bool skipped_by_failfast(const Job& job) {
    if (!failed_ || !settings_.failfast) return false;
    skip(*job.planned, "not run: --failfast, and a case before it failed");
    return true;
  }

  /// Attempt after attempt until the case is settled. False: the target is lost, or the run is to stop.
  bool work_through(Job& job, const std::string& target, Custody& custody, bool& taken) {
    while (true) {
      if (auto ready = make_ready(target, custody, taken); !ready) {
        if (!stop_.requested()) {
          lose(target, ready.error(), std::move(job));
        } else if (taken) {
          give_back(target, custody);
        }
        return false;
      }
      const bool settled = attempt(job, target, &custody);
      if (custody.lost().requested()) {
        const Error gone = lab_error("lease-lost", fmt::format("{} was lost to somebody else", target));
        lose(target, gone, settled ? std::optional<Job>() : std::move(job));
        return false;
      }
      if (settled) return true;
    }
  }

  Result<void> make_ready(const std::string& target, Custody& custody, bool& taken) {
    if (!taken) TRY(custody.take(within(kTakeLimit, target, &stop_)));
    taken = true;
    return custody.make_ready(within(kReadyLimit, target, &stop_));
  }

  void give_back(const std::string& target, Custody& custody) {
    const bool hasty = stop_.requested();
    // A machine is given back even when the run is interrupted, so that stop does not end this.
    auto back = custody.give_back(within(hasty ? kHastyGiveBackLimit : kGiveBackLimit, target, nullptr));
    if (!back)
      gate_.on(Note{Note::Level::kWarning, fmt::format("{} was not given back: {}", target, back.error().what)});
  }

  /// The target is out of the run: what it has left goes to others, or is settled as this error.
  void lose(const std::string& target, const Error& error, std::optional<Job> in_hand) {
    gate_.on(Note{Note::Level::kWarning, fmt::format("{} is out of this run: {}", target, error.what)});
    for (Job& job : queue_.lose(target, std::move(in_hand))) settle_case(job, Verdict::from(error));
  }

  /// One attempt. True when the case is over: settled, or not decided because the run is to stop.
  bool attempt(Job& job, const std::string& target, const Custody* custody) {
    const Where where{.target = target, .id = job.planned->id, .attempt = number_for(job, target)};
    job.attempts.push_back(run_attempt({.planned = *job.planned,
                                        .where = where,
                                        .suite = suite_of(*job.planned),
                                        .several_targets = several_targets_,
                                        .custody = custody},
                                       {settings_, gate_, stop_}));
    const Verdict& verdict = job.attempts.back().verdict;
    if (stop_.requested() && verdict.type == "harness.stopped") return true;  // not decided: not reported
    const bool error = verdict.outcome == Outcome::kError;
    if (error && job.infra_left-- > 0) return false;
    ++job.judged;
    // After a skip or an error trying again would tell nothing new.
    if (!error && verdict.outcome != Outcome::kSkipped && job.judged < settings_.repeat) return false;
    settle_case(job, std::nullopt);
    return true;
  }

  /// The next number of the case's attempts that no other attempt on this target has: a case of a lost target may come
  /// to one that has the same case of its own.
  int number_for(const Job& job, const std::string& target) {
    const std::scoped_lock lock(mutex_);
    int number = static_cast<int>(job.attempts.size()) + 1;
    while (!numbers_.insert({target, job.planned->id, number}).second) ++number;
    return number;
  }

  /// `instead`: what came instead of the attempt that was due.
  void settle_case(Job& job, const std::optional<Verdict>& instead) {
    std::vector<Verdict> verdicts;
    for (const AttemptEnded& attempt : job.attempts) verdicts.push_back(attempt.verdict);
    if (instead) verdicts.push_back(*instead);
    const PlannedCase& planned = *job.planned;
    CaseSettled settled{.suite = suite_of(planned),
                        .target = planned.target,
                        .id = planned.id,
                        .verdict = settle(verdicts),
                        .attempts = {},
                        .phases = {},
                        .replay = replay(planned)};
    if (!job.attempts.empty()) {
      settled.phases = gate_.phases(job.attempts.back().where);
      settled.milestones = gate_.milestones(job.attempts.back().where);
    }
    settled.attempts = std::move(job.attempts);
    finish(std::move(settled));
  }

  void skip(const PlannedCase& planned, const std::string& reason) { skip(planned, Verdict::from(cannot(reason))); }

  void skip(const PlannedCase& planned, const Verdict& verdict) {
    finish({.suite = suite_of(planned),
            .target = planned.target,
            .id = planned.id,
            .verdict = verdict,
            .attempts = {},
            .phases = {},
            .replay = {}});
  }

  bool is_settled(const PlannedCase& planned) {
    const std::scoped_lock lock(mutex_);
    const std::pair key(planned.target, planned.id);
    return settled_.contains(key) || settings_.settled_before.contains(key);
  }

  void finish(CaseSettled settled) {
    count(settled.verdict.outcome);
    {
      const std::scoped_lock lock(mutex_);
      settled_.insert({settled.target, settled.id});
    }
    hold_at(settled.id, "report", &stop_);
    gate_.on(std::move(settled));
  }

  void count(Outcome outcome) {
    const std::scoped_lock lock(mutex_);
    tally_.add(outcome);
    if (outcome == Outcome::kFailed || outcome == Outcome::kFlaky) failed_ = true;
  }

  std::string replay(const PlannedCase& planned) const {
    std::vector<std::string> argv = settings_.replay_argv;
    argv.insert(argv.end(), {"--target", planned.target, "--filter", planned.info->full_name()});
    for (const Device& device : planned.devices) argv.insert(argv.end(), {"--device", device.role});
    return shell_quote(argv);
  }

  const RunSettings& settings_;
  Gate gate_;
  const Stop& stop_;
  const bool several_targets_;
  WorkQueue queue_;
  std::mutex mutex_;
  Tally tally_;
  std::set<std::tuple<std::string, CaseId, int>> numbers_;
  std::set<std::pair<std::string, CaseId>> settled_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

int carry_out(const Plan& plan, const std::vector<TargetProfile>& targets, const Controller& controller,
              const Custodians& custodians) {
  const auto began = Deadline::Clock::now();
  const RunSettings& settings = controller.settings;
  controller.events.on(RunStarted{.run_id = settings.run_id,
                                  .out_dir = settings.dir.string(),
                                  .planned = plan.to_run(),
                                  .skipped = plan.to_skip(),
                                  .properties = settings.properties});
  Execution execution(plan, targets, controller, custodians);
  {
    std::vector<std::jthread> workers;
    for (const TargetProfile& target : targets) {
      if (const auto found = custodians.find(target.name); found != custodians.end()) {
        workers.emplace_back(
            [&execution, &target, custody = found->second.get()] { execution.work_on(target.name, *custody); });
        continue;
      }
      for (int slot = 0; slot < target.slots; ++slot) {
        workers.emplace_back([&execution, name = target.name] { execution.work_on(name); });
      }
    }
  }
  execution.tell_stale();
  bool interrupted = controller.stop.requested();
  if (const auto late = interrupted && settings.out_of_time ? settings.out_of_time() : std::nullopt) {
    execution.skip_rest(plan, *late);
    interrupted = false;
  }
  RunEnded ended{.tally = execution.tally(), .interrupted = interrupted, .exit_code = 0, .took = {}};
  ended.exit_code = exit_code(ended.tally, ended.interrupted);
  ended.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  controller.events.on(ended);
  return ended.exit_code;
}

}  // namespace holdfast
