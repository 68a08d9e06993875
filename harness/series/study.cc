// What came of each patch of a series, and of its base?
//
// Steps: apply all patches, one on top of the other, before anything is built, for that is quick; then for each state
// in order build it, tell its new warnings, look whether its kernel is one that was there already, run the cases, and
// run those again that fail where they passed before.
#include "harness/series/study.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::series {
namespace {

using Stage = State::Stage;
using Clock = std::chrono::steady_clock;

std::chrono::milliseconds since(Clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
}

/// As many cases as this are run again at one state; a kernel on which everything fails needs no proof of each.
constexpr size_t kMostConfirmed = 8;

/// A patch that has the ones before it beneath it.
Result<State> apply_one(const WorkTree& tree, const std::string& parent, const PostedPatch& patch,
                        const Deadline& deadline) {
  State state{.number = patch.number, .subject = patch.subject};
  const Applied applied = TRY(apply_patch(tree, parent, patch, deadline));
  state.note = applied.note;
  state.commit = applied.commit;
  if (applied.commit.empty()) {
    state.stage = Stage::kNotApplied;
    state.told = "does not apply: " + applied.refusal;
    state.said = applied.said;
    return state;
  }
  state.style = TRY(check_style(tree, applied.commit, deadline));
  return state;
}

void add_results(const CaseRun& run, State& state) {
  for (const bisect::CaseResult& result : run.results) {
    Verdict verdict;
    verdict.outcome = result.outcome;
    verdict.type = result.type;
    verdict.message = result.message;
    Cell& cell = state.cells[result.key];
    cell.runs.push_back(std::move(verdict));
    cell.fingerprints.push_back(result.fingerprint);
  }
}

Outcome outcome_at(const State& state, const std::string& key) {
  const auto cell = state.cells.find(key);
  return cell == state.cells.end() ? Outcome::kSkipped : cell->second.verdict().outcome;
}

/// The state before `index` on which the case was judged, if there is one.
State* judged_before(Study& study, size_t index, const std::string& key) {
  while (index-- > 0) {
    State& state = study.states[index];
    if (!state.tested() || !state.cells.contains(key)) continue;
    if (outcome_at(state, key) != Outcome::kError) return &state;
  }
  return nullptr;
}

/// Walks through the states with what that needs.
class Tester {
 public:
  Tester(Study& study, Workshop& workshop, const StudySettings& settings, const Deadline& deadline, const Tell& tell)
      : study_(study), workshop_(workshop), settings_(settings), deadline_(deadline), tell_(tell) {}

  Result<void> test(size_t index) {
    State& state = study_.states[index];
    if (!TRY(build(state))) return {};
    for (size_t earlier = 0; earlier < index; ++earlier) {
      const State& other = study_.states[earlier];
      if (!other.tested() || other.identity != state.identity) continue;
      state.same_as = other.same_as < 0 ? other.number : other.same_as;
      state.cells = other.cells;
      state.stage = Stage::kTested;
      tell_(fmt::format("{}: the same kernel as {}, nothing to run", study_.name_of(state.number),
                        study_.name_of(state.same_as)));
      return {};
    }
    const auto begun = Clock::now();
    const CaseRun run = TRY(workshop_.run(state.kernel, settings_.filter, deadline_));
    add_results(run, state);
    state.run_folder = run.folder;
    state.stage = Stage::kTested;
    TRY(confirm(index));
    state.run_took = since(begun);
    tell_(fmt::format("{}: {}", study_.name_of(state.number), counted(state)));
    return {};
  }

 private:
  static std::string counted(const State& state) {
    Tally tally;
    for (const auto& [key, cell] : state.cells) tally.add(cell.verdict().outcome);
    return fmt::format("{} passed, {} failed, {} not judged, {} skipped", tally.passed, tally.failed, tally.errors,
                       tally.skipped);
  }

  Result<bool> build(State& state) {
    const auto begun = Clock::now();
    const BuiltState built = TRY(workshop_.build(state.commit, deadline_));
    state.build_took = since(begun);
    if (built.kernel.empty()) {
      state.stage = Stage::kNotBuilt;
      state.told = built.untestable;
      state.said = built.errors;
      tell_(fmt::format("{}: {}", study_.name_of(state.number), state.told));
      return false;
    }
    state.kernel = built.kernel;
    state.build_id = built.build_id;
    state.identity = built.identity;
    if (built_last_ >= 0) {
      state.compared_with = built_last_;
      state.warnings = new_warnings(warnings_, built.warnings);
    }
    built_last_ = state.number;
    warnings_ = built.warnings;
    return true;
  }

  /// Runs again what fails here and did not fail on the state before it.
  Result<void> confirm(size_t index) {
    State& state = study_.states[index];
    std::vector<std::string> here;
    std::map<int, std::vector<std::string>> there;  // by the number of the state that ran what the one before knows
    for (const auto& [key, cell] : state.cells) {
      if (here.size() == kMostConfirmed) break;
      if (cell.verdict().outcome != Outcome::kFailed) continue;
      const State* before = judged_before(study_, index, key);
      const bool passed = before != nullptr && outcome_at(*before, key) == Outcome::kPassed;
      if (before != nullptr && !passed && outcome_at(*before, key) != Outcome::kSkipped) continue;
      here.push_back(key);
      if (passed) there[before->same_as < 0 ? before->number : before->same_as].push_back(key);
    }
    for (int round = 0; round < settings_.confirm && !here.empty(); ++round) {
      tell_(fmt::format("{}: {} that fail anew are run again", study_.name_of(state.number), here.size()));
      add_results(TRY(workshop_.run(state.kernel, join(here, ":"), deadline_)), state);
      for (const auto& [number, keys] : there) {
        State& before = study_.states[static_cast<size_t>(number)];
        add_results(TRY(workshop_.run(before.kernel, join(keys, ":"), deadline_)), before);
        for (State& other : study_.states) {
          if (other.same_as == number) other.cells = before.cells;
        }
      }
    }
    return {};
  }

  Study& study_;
  Workshop& workshop_;
  const StudySettings& settings_;
  const Deadline& deadline_;
  const Tell& tell_;
  int built_last_ = -1;
  std::vector<Warning> warnings_;  ///< of that one
};

}  // namespace

std::string Study::name_of(int number) const { return number == 0 ? "base" : fmt::format("{}/{}", number, total()); }

std::string Study::title_of(int number) const {
  return fmt::format("{} \"{}\"", name_of(number), states[static_cast<size_t>(number)].subject);
}

Result<Study> apply_all(const WorkTree& tree, const PostedSeries& posted, const std::string& base,
                        const std::string& base_subject, const Deadline& deadline, const Tell& tell) {
  TRY(tree.go_to(base, deadline));
  std::string parent = base;
  Study study{.title = posted.title, .version = posted.version, .base = base, .notes = posted.notes, .states = {}};
  study.states.push_back({.number = 0, .subject = base_subject, .commit = base});
  int stopped_at = 0;
  for (const PostedPatch& patch : posted.patches) {
    State state{.number = patch.number, .subject = patch.subject};
    if (patch.missing()) {
      state.stage = Stage::kMissing;
      state.told = "missing: no mail has this number";
    } else if (stopped_at != 0) {
      const bool gap = study.states[static_cast<size_t>(stopped_at)].stage == Stage::kMissing;
      state.stage = Stage::kNotTried;
      state.told = fmt::format("not tried: patch {} before it {}", stopped_at, gap ? "is missing" : "does not apply");
    } else {
      state = TRY(apply_one(tree, parent, patch, deadline));
    }
    if (!state.commit.empty()) parent = state.commit;
    if (stopped_at == 0 && state.commit.empty()) stopped_at = state.number;
    study.states.push_back(std::move(state));
  }
  for (const State& state : study.states) {
    if (!state.told.empty()) tell(fmt::format("{}: {}", study.title_of(state.number), state.told));
  }
  return study;
}

Result<void> test_all(Study& study, Workshop& workshop, const StudySettings& settings, const Deadline& deadline,
                      const Tell& tell) {
  size_t tip = 0;
  for (size_t i = 0; i < study.states.size(); ++i) {
    if (!study.states[i].commit.empty()) tip = i;
  }
  Tester tester(study, workshop, settings, deadline, tell);
  for (size_t i = 0; i <= tip; ++i) {
    if (settings.tip_only && i != 0 && i != tip) continue;
    TRY(tester.test(i));
  }
  return {};
}

}  // namespace holdfast::series
