// Which failure is looked for, and did this run show it?
#include "harness/bisect/sought.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::bisect {
namespace {

bool failed(const CaseResult& result) {
  return result.outcome == Outcome::kFailed || result.outcome == Outcome::kFlaky;
}

std::string told_of(const CaseResult& result) { return fmt::format("{}: {}", result.type, result.message); }

Judged judge_one(const CaseResult& result, const Sought& sought) {
  switch (result.outcome) {
    case Outcome::kPassed:
      return {.seen = Seen::kPassed, .told = {}};
    case Outcome::kFailed:
    case Outcome::kFlaky:
      if (result.type == sought.type && result.fingerprint == sought.fingerprint) {
        return {.seen = Seen::kFailed, .told = {}};
      }
      return {.seen = Seen::kOther, .told = told_of(result), .boots = result.boots};
    case Outcome::kSkipped:
      return {.seen = Seen::kOther, .told = "skipped: " + result.message, .never = true};
    case Outcome::kError:
      break;
  }
  return {.seen = Seen::kLab, .told = told_of(result)};
}

}  // namespace

std::optional<Sought> first_failure(const std::vector<CaseResult>& results) {
  const auto found = std::ranges::find_if(results, failed);
  if (found == results.end()) return std::nullopt;
  return Sought{.key = found->key, .type = found->type, .fingerprint = found->fingerprint, .message = found->message};
}

Judged judge(const std::vector<CaseResult>& results, const std::optional<Sought>& sought) {
  if (sought) {
    const auto found = std::ranges::find(results, sought->key, &CaseResult::key);
    if (found == results.end()) return {.seen = Seen::kLab, .told = fmt::format("{} did not run", sought->key)};
    return judge_one(*found, *sought);
  }
  Judged all{.seen = Seen::kLab, .told = "nothing ran"};
  const auto outcome = [&](Outcome which) { return std::ranges::find(results, which, &CaseResult::outcome); };
  if (const auto error = outcome(Outcome::kError); error != results.end()) {
    all.told = told_of(*error);
  } else if (outcome(Outcome::kPassed) != results.end()) {
    all = {.seen = Seen::kPassed, .told = {}};
  } else if (const auto skipped = outcome(Outcome::kSkipped); skipped != results.end()) {
    all = {.seen = Seen::kOther, .told = "skipped: " + skipped->message, .never = true};
  }
  return all;
}

}  // namespace holdfast::bisect
