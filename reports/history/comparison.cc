// What is different in run B from run A, beyond noise?
#include "reports/history/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
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
constexpr Limits kOverAll{.ms = 20, .share = 0.03};
constexpr Limits kSingle{.ms = 100, .share = 0.25};

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

/// Finds phases that changed: in single cases while they are added, over all at the end.
class PhaseComparison {
 public:
  void add(const std::string& what, const Samples& before, const Samples& after) {
    for (const auto& [phase, old] : before) {
      const auto now = after.find(phase);
      if (now == after.end()) continue;
      const double from = median(old);
      const double to = median(now->second);
      pairs_[phase].push_back({from, to});
      const bool repeated = std::min(old.size(), now->second.size()) >= kEnoughRepeats;
      if (!exceeds(from, to, repeated ? kRepeated : kSingle)) continue;
      if (repeated && !levels_differ(old, now->second)) continue;
      const std::string basis = old.size() == 1 && now->second.size() == 1
                                    ? "one time each"
                                    : fmt::format("{} and {} repeats", old.size(), now->second.size());
      single_.push_back({.what = what, .phase = phase, .before_ms = from, .after_ms = to, .basis = basis});
    }
  }

  std::vector<PhaseChange> take() {
    std::vector<PhaseChange> changes;
    for (const auto& [phase, pairs] : pairs_) {
      if (auto change = over_all(phase, pairs); !change.phase.empty()) changes.push_back(std::move(change));
    }
    std::ranges::stable_sort(single_, std::greater(),
                             [](const PhaseChange& one) { return std::abs(one.after_ms - one.before_ms); });
    std::ranges::move(single_, std::back_inserter(changes));
    return changes;
  }

 private:
  using Pairs = std::vector<std::pair<double, double>>;

  /// Without a name when nothing changed.
  static PhaseChange over_all(const std::string& phase, const Pairs& pairs) {
    constexpr double kChance = 0.01;
    std::vector<double> before;
    std::vector<double> differences;
    for (const auto& [from, to] : pairs) {
      before.push_back(from);
      differences.push_back(to - from);
    }
    const auto up = static_cast<int>(std::ranges::count_if(differences, [](double d) { return d > 0; }));
    const auto down = static_cast<int>(std::ranges::count_if(differences, [](double d) { return d < 0; }));
    const double from = median(before);
    const double to = from + median(differences);
    if (pairs.size() < kEnoughCases || sign_test(up, down) >= kChance || !exceeds(from, to, kOverAll)) return {};
    return {.what = "all cases",
            .phase = phase,
            .before_ms = from,
            .after_ms = to,
            .basis = fmt::format("{} of {} cases {}", std::max(up, down), pairs.size(), up > down ? "grew" : "shrank")};
  }

  std::map<std::string, Pairs> pairs_;
  std::vector<PhaseChange> single_;
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
  comparison.phases = phases.take();
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
  return text + fmt::format("\n{} cases in both: {} new failures, {} fixed, {} still failing\n", comparison.compared,
                            comparison.new_failures.size(), comparison.fixed.size(), comparison.still_failing.size());
}

}  // namespace holdfast::reports
