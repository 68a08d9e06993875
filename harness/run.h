// How is a plan carried out?
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/crash/allowance.h"
#include "harness/custody.h"
#include "harness/event.h"
#include "harness/plan.h"
#include "harness/work_queue.h"

namespace holdfast {

/// What the cases of one target have for themselves.
struct TargetSettings {
  std::string kernels;                 ///< "<kernel A>..<kernel B>", for the suite's name
  std::vector<std::string> case_argv;  ///< added to the run's
  double time_scale = 1.0;             ///< multiplies the run's
};

/// Of an attempt that the end of the whole program cut off: what it saw was not judged.
inline constexpr std::string_view kInterruptedType = "harness.interrupted";

/// A case that an earlier run in the same folder had begun, and not settled.
struct Begun {
  std::vector<AttemptEnded> attempts;  ///< in order; the last may be one that was cut off, harness.interrupted
  bool again = false;                  ///< somebody wants it tried again, whatever became of these
};

struct RunSettings {
  std::string run_id;
  std::filesystem::path dir;  ///< the run's own folder, there already
  int retry_infra = 0;        ///< further attempts after a lab or harness error
  int repeat = 1;             ///< attempts at each case that must all pass
  bool failfast = false;      ///< start nothing more after a kernel failure
  double timeout_scale = 1.0;
  std::map<std::string, TargetSettings> targets;  ///< by name
  std::vector<std::string> case_argv;             ///< starts this program for one case; case_process.cc adds which
  std::vector<std::string> replay_argv;           ///< the command line that runs one case again, without its filter
  std::vector<std::string> gtest_args;            ///< GoogleTest's own flags, for each case
  TimesBefore before;                             ///< what the cases took in an earlier run, as far as it is known
  std::vector<Allowance> allowances;              ///< the lab's ignore list, as the cases' processes read it
  Properties properties;
  /// Cases of the plan that an earlier run in the same folder settled, by target: they count, and do not run again.
  std::map<std::pair<std::string, CaseId>, Outcome> settled_before;
  /// Cases that it left unsettled: their attempts count, and numbers go on behind them.
  std::map<std::pair<std::string, CaseId>, Begun> begun_before;
  /// A case that was cut off while it ran is run again on machines in somebody's custody, too. Else it is settled as
  /// cut off there: what cut it off may be that the machine does not bear it.
  bool rerun_interrupted = false;

  /// Asked when the run was stopped: why, when nobody but its time did that. Then what did not run is skipped for that
  /// reason, and the run was not interrupted. May be empty.
  std::function<std::optional<std::string>()> out_of_time = {};

  /// Those of a target; stops the program when there are none.
  const TargetSettings& of(const std::string& target) const { return targets.at(target); }
  /// By what the deadlines of cases on a target are multiplied.
  double scale_of(const std::string& target) const { return timeout_scale * of(target).time_scale; }
};

/// Who runs the plan: its settings, whom it tells, and what ends it early. All outlive the run.
struct Controller {
  const RunSettings& settings;
  EventSink& events;
  const Stop& stop;
};

/// Carries out the plan and tells the controller's `events` of it, one event at a time. Ends early, after a clean
/// release, when its `stop` is requested. Gives the exit code; whatever goes wrong in a case is that case's verdict.
///
/// Targets in `custodians` are taken before their first case, made ready before each attempt, and given back. When one
/// is lost its cases go to another of them that can take them; where none can, each is settled as an error. Custodians
/// that tell events themselves need a sink that takes them from several threads (OneAtATime).
int carry_out(const Plan& plan, const std::vector<TargetProfile>& targets, const Controller& controller,
              const Custodians& custodians = {});

}  // namespace holdfast
