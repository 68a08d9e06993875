// How is a plan carried out?
//
// Each slot of a target is a worker thread: it takes the next case of its target's queue and runs it in a process of
// its own (case_process.h), again after an infra error or for --repeat, until the case is settled. All events pass one
// gate, so that their consumers see one at a time. When somebody asks to stop, running cases release their targets and
// nothing more is started.
#include "harness/run.h"

#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "harness/base/text.h"
#include "harness/case_process.h"

namespace holdfast {
namespace {

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
    if (const auto* allowed = std::get_if<FindingAllowed>(&event)) used_.insert({allowed->kind, allowed->pattern});
    inner_.on(event);
  }
  std::map<std::string, Millis> phases(const Where& where) {
    const std::scoped_lock lock(mutex_);
    return std::move(phases_[key(where)]);
  }
  bool used(const Allowance& allowance) {
    const std::scoped_lock lock(mutex_);
    return used_.contains({allowance.kind, allowance.title});
  }

 private:
  static std::string key(const Where& where) { return where.target + "/" + attempt_dir(where); }
  EventSink& inner_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, Millis>> phases_;
  std::set<std::pair<std::string, std::string>> used_;
};

class Execution {
 public:
  Execution(const Plan& plan, const Controller& controller)
      : settings_(controller.settings), gate_(controller.events), stop_(controller.stop) {
    for (const PlannedCase& planned : plan.cases) {
      if (planned.skip_reason.empty()) {
        queues_[planned.target].push_back(&planned);
      } else {
        skip(planned, planned.skip_reason);
      }
    }
  }

  void work_on(const std::string& target) {
    while (const PlannedCase* planned = take(target)) {
      if (failed_ && settings_.failfast) {
        skip(*planned, "not run: --failfast, and a case before it failed");
      } else {
        run_case(*planned);
      }
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
  std::string suite_of(const PlannedCase& planned) const { return planned.target + "/" + settings_.kernels; }

  const PlannedCase* take(const std::string& target) {
    const std::scoped_lock lock(mutex_);
    auto& queue = queues_[target];
    if (queue.empty() || stop_.requested()) return nullptr;
    const PlannedCase* next = queue.front();
    queue.pop_front();
    return next;
  }

  void run_case(const PlannedCase& planned) {
    std::vector<AttemptEnded> attempts;
    int infra_left = settings_.retry_infra;
    int judged = 0;
    while (judged < settings_.repeat) {
      const int number = static_cast<int>(attempts.size()) + 1;
      attempts.push_back(run_attempt(planned, number, suite_of(planned), {settings_, gate_, stop_}));
      if (stop_.requested() && attempts.back().verdict.type == "harness.stopped") return;  // not decided: not reported
      const Outcome outcome = attempts.back().verdict.outcome;
      if (outcome == Outcome::kError && infra_left-- > 0) continue;
      ++judged;
      if (outcome == Outcome::kSkipped || outcome == Outcome::kError) break;  // trying again would tell nothing new
    }
    settle_case(planned, std::move(attempts));
  }

  void settle_case(const PlannedCase& planned, std::vector<AttemptEnded> attempts) {
    std::vector<Verdict> verdicts;
    for (const AttemptEnded& attempt : attempts) verdicts.push_back(attempt.verdict);
    CaseSettled settled{.suite = suite_of(planned),
                        .target = planned.target,
                        .id = planned.id,
                        .verdict = settle(verdicts),
                        .attempts = {},
                        .phases = gate_.phases(attempts.back().where),
                        .replay = replay(planned)};
    settled.attempts = std::move(attempts);
    finish(std::move(settled));
  }

  void skip(const PlannedCase& planned, const std::string& reason) {
    finish({.suite = suite_of(planned),
            .target = planned.target,
            .id = planned.id,
            .verdict = Verdict::from(cannot(reason)),
            .attempts = {},
            .phases = {},
            .replay = {}});
  }

  void finish(CaseSettled settled) {
    {
      const std::scoped_lock lock(mutex_);
      tally_.add(settled.verdict.outcome);
    }
    const Outcome outcome = settled.verdict.outcome;
    if (outcome == Outcome::kFailed || outcome == Outcome::kFlaky) failed_ = true;
    gate_.on(std::move(settled));
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
  std::mutex mutex_;
  std::map<std::string, std::deque<const PlannedCase*>> queues_;
  Tally tally_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

int carry_out(const Plan& plan, const std::vector<TargetProfile>& targets, const Controller& controller) {
  const auto began = Deadline::Clock::now();
  const RunSettings& settings = controller.settings;
  controller.events.on(RunStarted{.run_id = settings.run_id,
                                  .out_dir = settings.dir.string(),
                                  .planned = plan.to_run(),
                                  .skipped = plan.to_skip(),
                                  .properties = settings.properties});
  Execution execution(plan, controller);
  {
    std::vector<std::jthread> workers;
    for (const TargetProfile& target : targets) {
      for (int slot = 0; slot < target.slots; ++slot) {
        workers.emplace_back([&execution, name = target.name] { execution.work_on(name); });
      }
    }
  }
  execution.tell_stale();
  RunEnded ended{.tally = execution.tally(), .interrupted = controller.stop.requested(), .exit_code = 0, .took = {}};
  ended.exit_code = exit_code(ended.tally, ended.interrupted);
  ended.took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  controller.events.on(ended);
  return ended.exit_code;
}

}  // namespace holdfast
