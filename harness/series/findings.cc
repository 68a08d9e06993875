// What broke at which patch, what was repaired, and what does the series change against its base?
#include "harness/series/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "harness/base/text.h"

namespace holdfast::series {
namespace {

using Kind = Change::Kind;
using Stage = State::Stage;

/// What a case did where it was last judged.
struct Before {
  int number = 0;
  int passed_since = 0;  ///< when it passed
  Verdict verdict;
};

bool fails(Outcome outcome) { return outcome == Outcome::kFailed || outcome == Outcome::kFlaky; }

std::optional<Kind> kind_of(const Verdict& before, const Verdict& now) {
  const bool skipped = before.outcome == Outcome::kSkipped;
  if (now.outcome == Outcome::kSkipped) return skipped ? std::nullopt : std::optional(Kind::kLost);
  if (skipped) return fails(now.outcome) ? Kind::kFailsAtOnce : Kind::kAppears;
  if (before.outcome == Outcome::kPassed) {
    if (now.outcome == Outcome::kFailed) return Kind::kBroke;
    if (now.outcome == Outcome::kFlaky) return Kind::kUnsteady;
  }
  if (before.outcome == Outcome::kFailed) {
    if (now.outcome == Outcome::kPassed) return Kind::kRepaired;
    if (now.outcome == Outcome::kFailed && now.type != before.type) return Kind::kFailsOtherwise;
  }
  // From a case that fails now and then nothing follows.
  return std::nullopt;
}

std::set<std::string> all_keys(const Study& study) {
  std::set<std::string> keys;
  for (const State& state : study.states) {
    for (const auto& [key, cell] : state.cells) keys.insert(key);
  }
  return keys;
}

std::vector<Change> changes_of_case(const Study& study, const std::string& key) {
  std::vector<Change> changes;
  std::optional<Before> before;
  for (const State& state : study.states) {
    const auto cell = state.cells.find(key);
    if (!state.tested() || cell == state.cells.end()) continue;
    const Verdict now = cell->second.verdict();
    if (now.outcome == Outcome::kError) continue;
    int since = state.number;
    if (before) {
      if (before->verdict.outcome == Outcome::kPassed) since = before->passed_since;
      if (const auto kind = kind_of(before->verdict, now)) {
        Change change{.kind = *kind, .key = key, .from = before->number, .at = state.number, .verdict = now};
        change.since = before->passed_since;
        if (fails(before->verdict.outcome)) change.before = before->verdict.type;
        changes.push_back(std::move(change));
      }
      if (now.outcome == Outcome::kPassed && before->verdict.outcome != Outcome::kPassed) since = state.number;
    }
    before = Before{.number = state.number, .passed_since = since, .verdict = now};
  }
  // Which of the later ones mends what broke?
  for (size_t i = 0; i < changes.size(); ++i) {
    if (!is_fault(changes[i].kind)) continue;
    for (size_t later = i + 1; later < changes.size() && changes[i].repaired < 0; ++later) {
      if (changes[later].kind == Kind::kRepaired) changes[i].repaired = changes[later].at;
    }
  }
  return changes;
}

std::string plural(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// "2/3 breaks 2 cases, which 3/3 repairs".
std::vector<std::string> what_breaks(const Study& study) {
  std::map<int, std::pair<std::vector<Change>, std::vector<Change>>> by_patch;  // broke, failed at once
  for (Change& change : changes_of(study)) {
    if (change.kind == Kind::kBroke) by_patch[change.at].first.push_back(change);
    if (change.kind == Kind::kFailsAtOnce) by_patch[change.at].second.push_back(change);
  }
  std::vector<std::string> words;
  for (const auto& [number, both] : by_patch) {
    const auto& [broke, at_once] = both;
    std::vector<std::string> parts;
    if (!broke.empty()) parts.push_back(fmt::format("breaks {}", plural(broke.size(), "case")));
    if (!at_once.empty())
      parts.push_back(
          fmt::format("brings {} that {}", plural(at_once.size(), "case"), at_once.size() == 1 ? "fails" : "fail"));
    std::string text = fmt::format("{} {}", study.name_of(number), join(parts, " and "));
    std::set<int> repaired;
    for (const auto* list : {&broke, &at_once}) {
      for (const Change& change : *list) repaired.insert(change.repaired);
    }
    if (repaired.size() == 1 && *repaired.begin() >= 0) {
      text += fmt::format(", which {} repairs", study.name_of(*repaired.begin()));
    }
    words.push_back(std::move(text));
  }
  return words;
}

}  // namespace

bool is_fault(Kind kind) { return kind == Kind::kBroke || kind == Kind::kFailsAtOnce || kind == Kind::kFailsOtherwise; }

std::vector<Change> changes_of(const Study& study) {
  std::vector<Change> changes;
  for (const std::string& key : all_keys(study)) {
    for (Change& change : changes_of_case(study, key)) changes.push_back(std::move(change));
  }
  std::ranges::stable_sort(changes, {}, &Change::at);
  return changes;
}

std::vector<LevelNews> levels_of(const Study& study) {
  std::map<std::string, LevelNews> first;  // by level: where one of its cases first ran
  for (const State& state : study.states) {
    std::map<std::string, LevelNews> here;
    for (const auto& [key, cell] : state.cells) {
      const auto level = study.levels.find(key);
      const Outcome outcome = cell.verdict().outcome;
      if (level == study.levels.end() || outcome == Outcome::kSkipped || outcome == Outcome::kError) continue;
      LevelNews& news = here[level->second];
      news = {.level = level->second, .at = state.number, .passed = news.passed, .failed = news.failed};
      ++(fails(outcome) ? news.failed : news.passed);
    }
    first.merge(here);
  }
  std::vector<LevelNews> news;
  for (const auto& [level, one] : first) {
    if (one.at > 0) news.push_back(one);
  }
  std::ranges::stable_sort(news, {}, &LevelNews::at);
  return news;
}

int last_tested(const Study& study) {
  for (size_t i = study.states.size(); i-- > 0;) {
    if (study.states[i].tested()) return static_cast<int>(i);
  }
  return -1;
}

std::vector<NetChange> net_changes(const Study& study) {
  std::vector<NetChange> changes;
  const int last = last_tested(study);
  if (last <= 0 || !study.states.front().tested()) return changes;
  const auto& base = study.states.front().cells;
  for (const auto& [key, cell] : study.states[static_cast<size_t>(last)].cells) {
    const auto before = base.find(key);
    if (before == base.end()) continue;
    NetChange change{.key = key, .before = before->second.verdict().outcome, .after = cell.verdict()};
    if (change.before == Outcome::kError || change.after.outcome == Outcome::kError) continue;
    if (change.before != change.after.outcome) changes.push_back(std::move(change));
  }
  return changes;
}

Tally tally_of(const State& state) {
  Tally tally;
  for (const auto& [key, cell] : state.cells) tally.add(cell.verdict().outcome);
  return tally;
}

std::string headline(const Study& study) {
  std::vector<std::string> words;
  Tally all;
  for (const State& state : study.states) {
    const std::string name = study.name_of(state.number);
    if (state.stage == Stage::kMissing) words.push_back(name + " is missing");
    if (state.stage == Stage::kNotApplied) words.push_back(name + " does not apply");
    if (state.stage == Stage::kNotBuilt) words.push_back(name + " does not build");
    const Tally one = tally_of(state);
    all.failed += one.failed;
    all.errors += one.errors;
    all.passed += one.passed;
    all.skipped += one.skipped;
  }
  for (std::string& text : what_breaks(study)) words.push_back(std::move(text));
  if (!words.empty()) return join(words, "; ");
  if (all.total() == 0) return "no case was run";
  if (all.passed + all.failed == 0) {
    return all.errors > 0 ? "no case was judged: the lab or the harness failed" : "every case was skipped";
  }
  if (all.failed > 0) return "the series breaks no case; the failures that there are come and go, or the base has them";
  if (all.errors > 0) return "the series breaks no case that was judged; some were not";
  return fmt::format("every patch applies and builds, and the series breaks no case");
}

int exit_code_of(const Study& study) {
  bool bad_patch = false;
  bool unjudged = false;
  Tally all;
  for (const State& state : study.states) {
    if (state.stage == Stage::kNotApplied || state.stage == Stage::kNotBuilt) bad_patch = true;
    if (state.stage == Stage::kMissing) unjudged = true;
    for (const auto& [key, cell] : state.cells) all.add(cell.verdict().outcome);
  }
  if (bad_patch || all.failed > 0) return 1;
  if (unjudged || all.errors > 0) return 2;
  return exit_code(all, /*interrupted=*/false);
}

}  // namespace holdfast::series
