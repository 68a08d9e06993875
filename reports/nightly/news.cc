// What is new tonight, since when, and how is the commit found that did it?
#include "reports/nightly/news.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/text.h"
#include "harness/crash/fingerprint.h"
#include "reports/nightly/night.h"
#include "reports/nightly/soak.h"

namespace holdfast::reports {
namespace {

bool failing(const Verdict& verdict) {
  return verdict.outcome == Outcome::kFailed || verdict.outcome == Outcome::kFlaky;
}
bool known_failure(const Verdict& verdict) { return verdict.type == kKnownFailure; }
bool judged(const Verdict& verdict) {
  return verdict.outcome == Outcome::kPassed || failing(verdict) || known_failure(verdict);
}

/// The case in a night; null when that does not know it.
const CaseSettled* find(const RunResults& night, const std::string& suite, const CaseId& id) {
  const auto found = night.record.suites().find(suite);
  if (found == night.record.suites().end()) return nullptr;
  const auto one = found->second.cases.find(id);
  return one == found->second.cases.end() ? nullptr : &one->second;
}

std::string fact(const RunResults& night, const std::string& suite, const char* name) {
  const auto found = night.record.suites().find(suite);
  if (found == night.record.suites().end()) return {};
  const auto value = found->second.facts.find(name);
  return value == found->second.facts.end() ? "" : value->second;
}

std::string called(const RunResults& night) { return fmt::format("{} of {}", night.name(), iso_utc(night.begun())); }

/// What the nights before say of a failure.
struct Past {
  const RunResults* last_good = nullptr;
  const RunResults* first_bad = nullptr;  ///< after that, in the same way; null: tonight
  bool is_new = true;
};

Past look_back(const std::vector<RunResults>& earlier, const std::string& suite, const CaseId& id,
               const std::string& mark) {
  Past past;
  bool newest = true;
  for (const RunResults& night : earlier) {
    const CaseSettled* then = find(night, suite, id);
    if (then == nullptr || !judged(then->verdict)) continue;
    if (then->verdict.outcome == Outcome::kPassed) {
      past.last_good = &night;
      break;
    }
    // One that was let pass carries another sentence, and the same evidence.
    const bool same = known_failure(then->verdict) || mark_of(*then) == mark;
    if (newest) past.is_new = !same;
    if (same) past.first_bad = &night;
    newest = false;
  }
  return past;
}

/// `holdfast bisect` builds one kernel of the pair; the other stays as it was.
void add_command(CommitRange& range, const RunResults& tonight, const std::string& suite, const CaseId& id) {
  const std::string next = fact(tonight, suite, kNightNextName);
  range.why_not = fact(tonight, suite, kNightNoBisect);
  if (range.why_not.empty() && range.kernel == "next kernel" && !next.empty()) {
    range.why_not = "`holdfast bisect` builds the kernel that a case begins in, and this is the next one";
  }
  if (!range.why_not.empty()) return;
  const std::vector<std::string> argv{"holdfast", "bisect", "--tree",  range.tree, "--good",
                                      range.good, "--bad",  range.bad, "--filter", id.key()};
  range.command = join_words({shell_quote(argv), fact(tonight, suite, kNightBisect)});
}

std::vector<CommitRange> ranges_of(const RunResults& good, const RunResults& bad, const RunResults& tonight,
                                   const std::string& suite, const CaseId& id) {
  std::vector<CommitRange> ranges;
  for (const auto& [kernel, tree, commit] :
       {std::tuple("kernel", kNightTree, kNightCommit), std::tuple("next kernel", kNightNextTree, kNightNextCommit)}) {
    CommitRange range{.kernel = kernel,
                      .tree = fact(bad, suite, tree),
                      .good = fact(good, suite, commit),
                      .bad = fact(bad, suite, commit)};
    if (range.good.empty() || range.bad.empty() || range.good == range.bad) continue;
    // A kernel that goes to itself has one range.
    if (!ranges.empty() && ranges.front().good == range.good && ranges.front().bad == range.bad) continue;
    add_command(range, tonight, suite, id);
    ranges.push_back(std::move(range));
  }
  return ranges;
}

void put(std::vector<FailureGroup>& groups, const std::string& mark, NightCase one) {
  auto group = std::ranges::find(groups, mark, &FailureGroup::mark);
  if (group == groups.end()) group = groups.insert(groups.end(), {.mark = mark, .cases = {}});
  group->cases.push_back(std::move(one));
}

void add_failure(NightNews& news, const RunResults& tonight, const std::vector<RunResults>& earlier, NightCase one) {
  const std::string mark = one.mark;
  const Past past = look_back(earlier, one.suite, one.id, mark);
  if (past.first_bad != nullptr) one.failing_since = called(*past.first_bad);
  if (past.last_good != nullptr) {
    one.last_good = called(*past.last_good);
    one.ranges =
        ranges_of(*past.last_good, past.first_bad == nullptr ? tonight : *past.first_bad, tonight, one.suite, one.id);
  }
  put(past.is_new ? news.new_failures : news.still_failing, mark, std::move(one));
}

void add_case(NightNews& news, const RunResults& tonight, const std::vector<RunResults>& earlier, NightCase one) {
  if (known_failure(one.verdict)) {
    news.known.push_back(std::move(one));
    return;
  }
  if (one.verdict.outcome == Outcome::kSkipped) {
    ++news.skipped[one.verdict.message];
    return;
  }
  if (failing(one.verdict)) {
    add_failure(news, tonight, earlier, std::move(one));
    return;
  }
  const bool error = one.verdict.outcome == Outcome::kError;
  for (const RunResults& night : earlier) {
    const CaseSettled* then = find(night, one.suite, one.id);
    if (then == nullptr || (then->verdict.outcome == Outcome::kSkipped && !known_failure(then->verdict))) continue;
    if (error && then->verdict.outcome == Outcome::kError) return;
    if (error) break;
    if (then->verdict.outcome == Outcome::kError) continue;  // says nothing of the kernel
    if (failing(then->verdict) || known_failure(then->verdict)) news.fixed.push_back(std::move(one));
    return;
  }
  if (error) news.new_errors.push_back(std::move(one));
}

}  // namespace

NightNews news_of(const RunResults& tonight, const std::vector<RunResults>& earlier) {
  NightNews news;
  news.name = tonight.name();
  if (!earlier.empty()) news.baseline = called(earlier.front());
  news.tally = tonight.record.tally();
  for (const auto& [name, suite] : tonight.record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      add_case(
          news, tonight, earlier,
          {.suite = name, .id = id, .mark = mark_of(settled), .verdict = settled.verdict, .replay = settled.replay});
      for (const std::string& line : soak_lines(settled)) {
        news.soaks.push_back(fmt::format("{} on {}: {}", id.key(), name, line));
      }
    }
  }
  news.warnings = tonight.record.warnings();
  return news;
}

}  // namespace holdfast::reports
