// What is to be done next to find the first bad commit, and when is it found?
#include "harness/bisect/bisection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace holdfast::bisect {
namespace {

/// Runs of one commit that told nothing, in a row, after which it counts as untestable.
constexpr int kFruitlessAtMost = 5;
/// The same over all commits: then it is not the commits.
constexpr int kLabInARow = 12;
/// Passes of the bad end after which a failure of one in ten would have shown with 99 %.
constexpr int kPassesOfBadEnd = 44;
/// A good end that fails as sought this often is bad, however likely that was held before.
constexpr int kFailuresOfGoodEnd = 2;

}  // namespace

Bisection::Bisection(const History& history, const Settings& settings)
    : history_(history),
      settings_(settings),
      posterior_(history, settings.prior),
      records_(history.size()),
      run_as_(history.size()) {
  std::iota(run_as_.begin(), run_as_.end(), Node{0});
}

void Bisection::built(Node node, const std::string& build_id) {
  if (!build_id.empty()) run_as_[node] = first_with_.emplace(build_id, node).first->second;
  Record& record = records_[run_as(node)];
  record.built = true;
  record.build_id = build_id;
  if (run_as(node) != node) posterior_.same_kernel(run_as(node), node);
}

void Bisection::untestable(Node node, const std::string& why) { records_[run_as(node)].untestable = why; }

bool Bisection::count(Record& record, Seen seen) {
  ++runs_;
  lab_in_a_row_ = seen == Seen::kLab ? lab_in_a_row_ + 1 : 0;
  switch (seen) {
    case Seen::kFailed:
      ++record.failed;
      break;
    case Seen::kPassed:
      ++record.passed;
      break;
    case Seen::kOther:
      ++record.other;
      break;
    case Seen::kLab:
      ++record.lab;
      break;
  }
  const bool tells = seen == Seen::kFailed || seen == Seen::kPassed;
  record.fruitless = tells ? 0 : record.fruitless + 1;
  if (record.fruitless >= kFruitlessAtMost && record.untestable.empty()) {
    record.untestable = seen == Seen::kLab ? "the lab spoilt every run" : "it fails in another way";
  }
  return tells;
}

void Bisection::ran(Node node, Seen seen) {
  if (count(records_[run_as(node)], seen)) posterior_.add(node, seen == Seen::kFailed);
}

void Bisection::revert_built() { revert_.built = true; }
void Bisection::revert_impossible(const std::string& why) { revert_.untestable = why; }
void Bisection::revert_ran(Seen seen) { count(revert_, seen); }

Bisection::Suspects Bisection::likeliest() const {
  const auto& masses = posterior_.masses();
  const Node best = static_cast<Node>(std::ranges::max_element(masses) - masses.begin());
  Suspects suspects{.nodes = {best}, .mass = masses[best]};
  const bool all_testable = std::ranges::all_of(records_, [](const Record& one) { return one.untestable.empty(); });
  if (all_testable) return suspects;
  for (Node other = 0; other < history_.size(); ++other) {
    if (other == best) continue;
    const auto tells_apart = [&](Node node) {
      return testable(node) && history_.contains(node, best) != history_.contains(node, other);
    };
    bool apart = false;
    for (Node node = 0; node < history_.size() && !apart; ++node) apart = tells_apart(node);
    if (apart) continue;
    suspects.nodes.push_back(other);
    suspects.mass += masses[other];
  }
  return suspects;
}

std::vector<Offer> Bisection::offers() const {
  std::vector<Offer> offers;
  for (Node node = 0; node < history_.size(); ++node) {
    offers.push_back({.testable = testable(node), .built = of(node).built});
  }
  return offers;
}

Step Bisection::test(Node node, std::string why) const {
  if (!of(node).built) return {.what = Step::Do::kBuild, .node = node, .why = std::move(why)};
  return {.what = Step::Do::kRun, .node = run_as(node), .why = std::move(why)};
}

std::vector<Node> Bisection::unconfirmed(const Suspects& suspects) const {
  std::vector<Node> missing;
  const Node culprit = suspects.nodes.front();
  if (suspects.nodes.size() > 1) return missing;  // what could tell more of them cannot be tested
  if (testable(culprit) && !seen_bad(culprit)) missing.push_back(culprit);
  for (const Node parent : history_.parents(culprit)) {
    if (testable(parent) && !seen_good(parent)) missing.push_back(parent);
  }
  return missing;
}

Ending Bisection::ending_of(const Suspects& suspects) const {
  const Record& bad = of(history_.bad());
  const Record& good = of(history_.good());
  if (!bad.untestable.empty() || !good.untestable.empty()) return Ending::kEndUntestable;
  if (lab_in_a_row_ >= kLabInARow) return Ending::kLabDown;
  if (bad.failed == 0 && bad.passed >= kPassesOfBadEnd) return Ending::kBadEndPasses;
  if (good.failed >= kFailuresOfGoodEnd) return Ending::kGoodEndFails;
  const bool ends_checked = bad.failed > 0 && good.told() > 0;
  if (ends_checked && confident(suspects) && unconfirmed(suspects).empty()) {
    if (suspects.nodes.size() > 1) return Ending::kNamedSome;
    return suspects.nodes.front() == history_.good() ? Ending::kGoodEndFails : Ending::kNamed;
  }
  return runs_ >= settings_.most_runs ? Ending::kOutOfRuns : Ending::kNone;
}

Reverted Bisection::reverted() const {
  if (!revert_.untestable.empty()) return revert_.built ? Reverted::kUndecided : Reverted::kImpossible;
  if (revert_.failed > 0) return Reverted::kStillFails;
  if (revert_.passed == 0) return Reverted::kNotTried;
  return posterior_.all_pass(revert_.passed) <= 1 - settings_.confidence ? Reverted::kPasses : Reverted::kUndecided;
}

/// Steps: when the search is over, confirm what it found; check the ends; see the culprit fail and its parents pass as
/// soon as it is likely enough; else take the run that tells most.
Step Bisection::next() const {
  const Suspects suspects = likeliest();
  const Ending ending = ending_of(suspects);
  if (ending != Ending::kNone) return ending == Ending::kNamed ? confirm(suspects) : Step{};
  if (of(history_.bad()).failed == 0) return test(history_.bad(), "does the bad end fail?");
  if (of(history_.good()).told() == 0) return test(history_.good(), "does the good end pass?");
  if (confident(suspects)) {
    const auto missing = unconfirmed(suspects);
    if (!missing.empty()) {
      return test(missing.front(), missing.front() == suspects.nodes.front() ? "does the suspect itself fail?"
                                                                             : "does the suspect's parent pass?");
    }
  }
  const auto best = choose(history_, posterior_, offers(), settings_.costs);
  // Where nothing tells more, the likeliest commit's own runs still tell how often it fails.
  if (!best) return test(history_.bad(), "how often does it fail?");
  return test(best->node, of(best->node).told() > 0 ? "once more" : "tells most for its cost");
}

std::optional<Node> Bisection::build_after(Node node) const {
  // A commit that passes is often asked again; the kernel for after that may as well be built meanwhile.
  constexpr int kLookAhead = 4;
  const auto next_kernel = [&](Seen seen) {
    Bisection after = *this;
    Step step{.what = Step::Do::kRun, .node = node};
    for (int i = 0; i < kLookAhead && step.what == Step::Do::kRun; ++i) {
      after.ran(step.node, seen);
      step = after.next();
    }
    return step.what == Step::Do::kBuild ? std::optional(step.node) : std::nullopt;
  };
  const auto failing = posterior_.failing(1);
  double fails = 0;
  for (Node first_bad = 0; first_bad < history_.size(); ++first_bad) {
    if (history_.contains(node, first_bad)) fails += failing[first_bad];
  }
  const auto after_failure = next_kernel(Seen::kFailed);
  const auto after_pass = next_kernel(Seen::kPassed);
  if (!after_failure || !after_pass) return after_failure ? after_failure : after_pass;
  return fails > 0.5 ? after_failure : after_pass;
}

Step Bisection::confirm(const Suspects& suspects) const {
  const bool open = reverted() == Reverted::kNotTried || reverted() == Reverted::kUndecided;
  const bool possible = revert_.untestable.empty() && runs_ < settings_.most_runs && lab_in_a_row_ < kLabInARow;
  if (!settings_.revert || !open || !possible) return {};
  return {.what = revert_.built ? Step::Do::kRunRevert : Step::Do::kBuildRevert,
          .node = suspects.nodes.front(),
          .why = "does the bad end pass without it?"};
}

double Bisection::expected_cost() const {
  const auto best = choose(history_, posterior_, offers(), settings_.costs);
  if (!best) return 0;
  // What may remain unknown when a commit is named.
  const double rest = 1 - settings_.confidence;
  const double allowed =
      rest > 0 ? -rest * std::log2(rest) - settings_.confidence * std::log2(settings_.confidence) : 0;
  return std::max(0.0, posterior_.entropy() - allowed) * best->cost / best->gain;
}

}  // namespace holdfast::bisect
