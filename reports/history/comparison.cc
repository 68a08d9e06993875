// What is different in run B from run A, beyond noise?
#include "reports/history/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "reports/history/statistics.h"

namespace holdfast::reports {

namespace {

using Key = std::pair<std::string, CaseId>;                  ///< where, as CaseChange has it, and the case
using Samples = std::map<std::string, std::vector<double>>;  ///< phase, a time in ms per attempt

struct Limits {
  double ms;
  double share;
};
constexpr Limits kRepeated{.ms = 20, .share = 0.05};
constexpr Limits kOverAll{.ms = 20, .share = 0.05};
constexpr Limits kOverAllAtUnknownPace{.ms = 20, .share = 0.12};
constexpr Limits kSingle{.ms = 100, .share = 0.35};
/// How often chance may split the cases as unevenly as they are.
constexpr double kChance = 0.07;
/// A pace that is further off than this is told.
constexpr double kNotablePace = 0.05;

bool exceeds(double before, double after, const Limits& limits) {
  const double change = std::abs(after - before);
  return change > limits.ms && change > limits.share * before;
}

bool failing(const Verdict& verdict) {
  return verdict.outcome == Outcome::kFailed || verdict.outcome == Outcome::kFlaky;
}
bool judged(const Verdict& verdict) { return verdict.outcome == Outcome::kPassed || failing(verdict); }

/// Under which name do two runs have the same suite? Kernels' releases change from run to run, so they are asked only
/// where a target has several.
class Matching {
 public:
  Matching(const RunResults& a, const RunResults& b)
      : by_case_(a.record.suites().size() == 1 && b.record.suites().size() == 1) {
    for (const RunResults* run : {&a, &b}) {
      std::map<std::string, std::set<std::string>> suites;
      for (const auto& [name, suite] : run->record.suites()) {
        for (const auto& [id, settled] : suite.cases) suites[settled.target].insert(name);
      }
      for (const auto& [target, names] : suites) {
        if (names.size() > 1) crowded_.insert(target);
      }
    }
  }

  /// The cases of a run under the key by which the other run's are found.
  std::map<Key, const CaseSettled*> cases_of(const RunResults& run) const {
    std::map<Key, const CaseSettled*> cases;
    for (const auto& [name, suite] : run.record.suites()) {
      for (const auto& [id, settled] : suite.cases) {
        cases[{by_case_ ? "" : crowded_.contains(settled.target) ? name : settled.target, id}] = &settled;
      }
    }
    return cases;
  }

 private:
  bool by_case_;
  std::set<std::string> crowded_;  ///< targets with several suites in a run
};

/// A time per phase for each attempt that passed.
Samples samples_of(const RunResults& run, const CaseSettled& settled) {
  Samples samples;
  for (const AttemptEnded& attempt : settled.attempts) {
    if (attempt.verdict.outcome != Outcome::kPassed) continue;
    std::map<std::string, double> sums;
    for (const PhaseSpan& span : run.phases.of(attempt.where)) {
      sums[span.name] += static_cast<double>(span.took.count());
    }
    // Of several devices the last one counts: only then is the way over.
    for (const MilestoneSpot& spot : run.phases.milestones_of(attempt.where)) {
      if (const auto as = compared_name(spot.key))
        sums[*as] = std::max(sums[*as], static_cast<double>(spot.at.count()));
    }
    for (const auto& [phase, sum] : sums) samples[phase].push_back(sum);
  }
  if (samples.empty()) {
    for (const auto& [phase, took] : settled.phases) samples[phase] = {static_cast<double>(took.count())};
    for (const auto& [key, at] : settled.milestones) {
      const auto as = compared_name(key);
      if (!as) continue;
      const double before = samples.contains(*as) ? samples[*as].front() : 0;
      samples[*as] = {std::max(before, static_cast<double>(at.count()))};
    }
  }
  return samples;
}

/// Finds phases that changed, once all cases are added.
class PhaseComparison {
 public:
  void add(const std::string& what, const Samples& before, const Samples& after) {
    for (const auto& [phase, old] : before) {
      const auto now = after.find(phase);
      if (now != after.end()) pairs_[phase].push_back({.what = what, .before = old, .after = now->second});
    }
  }

  /// Those over all cases, then those of single ones, the largest first.
  std::vector<PhaseChange> changes() const {
    std::vector<PhaseChange> all;
    std::vector<PhaseChange> single;
    for (const auto& [phase, pairs] : pairs_) {
      const auto pace = pace_beside(phase);
      if (auto change = over_all(phase, pairs, pace)) all.push_back(*std::move(change));
      for (const Pair& pair : pairs) {
        if (changed(pair, pace.value_or(1))) single.push_back(change_of(phase, pair, pace.value_or(1)));
      }
    }
    std::ranges::stable_sort(single, std::greater(),
                             [](const PhaseChange& one) { return std::abs(one.after_ms - one.before_ms); });
    std::ranges::move(single, std::back_inserter(all));
    return all;
  }

  double pace() const { return pace_beside({}).value_or(1); }

 private:
  /// The times of a phase in a case of both runs.
  struct Pair {
    std::string what;
    std::vector<double> before;
    std::vector<double> after;
    double from() const { return median(before); }
    double to() const { return median(after); }
    bool repeated() const { return std::min(before.size(), after.size()) >= kEnoughRepeats; }
  };
  using Pairs = std::vector<Pair>;

  /// How the phases other than that one went, when that can be said.
  std::optional<double> pace_beside(std::string_view phase) const {
    std::vector<double> ratios;
    for (const auto& [other, pairs] : pairs_) {
      if (other == phase || is_way_to_next_kernel(other)) continue;
      for (const Pair& pair : pairs) {
        if (pair.from() >= kLeastForPace && pair.to() > 0) ratios.push_back(pair.to() / pair.from());
      }
    }
    return ratios.size() < kEnoughForPace ? std::nullopt : std::optional(median(std::move(ratios)));
  }

  static bool changed(const Pair& pair, double pace) {
    if (!exceeds(pair.from(), pair.to() / pace, pair.repeated() ? kRepeated : kSingle)) return false;
    std::vector<double> after = pair.after;
    for (double& time : after) time /= pace;
    return !pair.repeated() || levels_differ(pair.before, after);
  }

  static PhaseChange change_of(const std::string& phase, const Pair& pair, double pace) {
    const bool one_each = pair.before.size() == 1 && pair.after.size() == 1;
    return {
        .what = pair.what,
        .phase = phase,
        .before_ms = pair.from(),
        .after_ms = pair.to() / pace,
        .basis = one_each ? "one time each" : fmt::format("{} and {} repeats", pair.before.size(), pair.after.size())};
  }

  static std::optional<PhaseChange> over_all(const std::string& phase, const Pairs& pairs, std::optional<double> pace) {
    if (pairs.size() < kEnoughCases) return std::nullopt;
    std::vector<double> before;
    std::vector<double> differences;
    for (const Pair& pair : pairs) {
      before.push_back(pair.from());
      differences.push_back(pair.to() / pace.value_or(1) - pair.from());
    }
    const auto up = static_cast<int>(std::ranges::count_if(differences, [](double d) { return d > 0; }));
    const auto down = static_cast<int>(std::ranges::count_if(differences, [](double d) { return d < 0; }));
    const double from = median(before);
    const double change = median(differences);
    const bool is_change = (change > 0 ? up : down) == std::max(up, down) && sign_test(up, down) < kChance &&
                           exceeds(from, from + change, pace ? kOverAll : kOverAllAtUnknownPace);
    if (!is_change) return std::nullopt;
    return PhaseChange{
        .what = "all cases",
        .phase = phase,
        .before_ms = from,
        .after_ms = from + change,
        .basis = fmt::format("{} of {} cases {}", std::max(up, down), pairs.size(), up > down ? "grew" : "shrank")};
  }

  std::map<std::string, Pairs> pairs_;
};

/// Puts a case that is in both runs where it belongs.
void classify(Comparison& comparison, CaseChange change) {
  if (failing(change.after)) {
    (failing(change.before) ? comparison.still_failing : comparison.new_failures).push_back(std::move(change));
  } else if (failing(change.before) && change.after.outcome == Outcome::kPassed) {
    comparison.fixed.push_back(std::move(change));
  } else if (judged(change.before) && change.after.outcome == Outcome::kError) {
    comparison.new_errors.push_back(std::move(change));
  } else if (change.before.outcome != Outcome::kSkipped && change.after.outcome == Outcome::kSkipped) {
    comparison.new_skips.push_back(std::move(change));
  }
}

std::string name_of(const CaseChange& change) {
  return printable(change.where.empty() ? change.id.key() : fmt::format("{} on {}", change.id.key(), change.where));
}

void add_section(std::string& text, const char* title, const std::vector<CaseChange>& changes) {
  if (changes.empty()) return;
  text += fmt::format("\n{} ({}):\n", title, changes.size());
  for (const CaseChange& change : changes) {
    text += fmt::format("  {}\n", name_of(change));
    const Verdict& told =
        failing(change.after) || change.after.outcome != Outcome::kPassed ? change.after : change.before;
    const std::string said = printable(fmt::format("{}: {}", told.type, told.message));
    if (!told.message.empty()) text += fmt::format("      {}\n", split(said, '\n').front());
  }
}

}  // namespace

int Comparison::exit_code() const { return !new_failures.empty() ? 1 : !new_errors.empty() ? 2 : 0; }

Comparison compare(const RunResults& a, const RunResults& b) {
  const Matching matching(a, b);
  const auto before = matching.cases_of(a);
  const auto after = matching.cases_of(b);
  Comparison comparison;
  PhaseComparison phases;
  for (const auto& [key, now] : after) {
    const auto known = before.find(key);
    if (known == before.end()) {
      CaseChange change{.where = key.first, .id = key.second, .before = {}, .after = now->verdict};
      change.before.outcome = Outcome::kSkipped;
      if (failing(change.after)) comparison.new_failures.push_back(std::move(change));
      continue;
    }
    ++comparison.compared;
    const CaseSettled& then = *known->second;
    CaseChange change{.where = key.first, .id = key.second, .before = then.verdict, .after = now->verdict};
    if (then.verdict.outcome == Outcome::kPassed && now->verdict.outcome == Outcome::kPassed) {
      phases.add(name_of(change), samples_of(a, then), samples_of(b, *now));
    }
    classify(comparison, std::move(change));
  }
  for (const auto& [key, then] : before) {
    if (after.contains(key) || then->verdict.outcome == Outcome::kSkipped) continue;
    comparison.gone.push_back({.where = key.first, .id = key.second, .before = then->verdict, .after = {}});
  }
  comparison.phases = phases.changes();
  comparison.pace = phases.pace();
  return comparison;
}

std::string comparison_text(const Comparison& comparison, const RunResults& a, const RunResults& b) {
  std::string text;
  for (const auto& [label, run] : {std::pair("A", &a), std::pair("B", &b)}) {
    text += fmt::format("{}: {}  {}, {}\n", label, printable(run->name()), iso_utc(run->begun()),
                        sentence(run->record.tally()));
  }
  add_section(text, "new failures", comparison.new_failures);
  add_section(text, "new errors: B could not judge what A judged", comparison.new_errors);
  add_section(text, "still failing", comparison.still_failing);
  add_section(text, "fixed", comparison.fixed);
  add_section(text, "new skips", comparison.new_skips);
  add_section(text, "gone: in A, not in B", comparison.gone);
  if (!comparison.phases.empty()) text += fmt::format("\nchanged phases ({}):\n", comparison.phases.size());
  for (const PhaseChange& change : comparison.phases) {
    text += fmt::format("  {}, {}: {:.0f} ms -> {:.0f} ms ({:+.0f} ms; {})\n", change.what, printable(change.phase),
                        change.before_ms, change.after_ms, change.after_ms - change.before_ms, change.basis);
  }
  if (std::abs(comparison.pace - 1) > kNotablePace) {
    text += fmt::format(
        "\nB took {:.2f} times as long as A in all that is not the way to the next kernel: the computer, or the "
        "kernels\n"
        "themselves, are {}. Phases are compared at that pace.\n",
        comparison.pace, comparison.pace > 1 ? "slower" : "faster");
  }
  return text + fmt::format("\n{} cases in both: {} new failures, {} fixed, {} still failing\n", comparison.compared,
                            comparison.new_failures.size(), comparison.fixed.size(), comparison.still_failing.size());
}

}  // namespace holdfast::reports
