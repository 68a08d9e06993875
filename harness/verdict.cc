// What came of a case, who must act, and what does the program's exit code say?
#include "harness/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace holdfast {

namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 5> kOutcomes = {{{Outcome::kPassed, "passed"},
                                                                            {Outcome::kFailed, "failed"},
                                                                            {Outcome::kError, "error"},
                                                                            {Outcome::kSkipped, "skipped"},
                                                                            {Outcome::kFlaky, "flaky"}}};

Outcome outcome_of(Blame blame) {
  switch (blame) {
    case Blame::kKernel:
      return Outcome::kFailed;
    case Blame::kLab:
    case Blame::kHarness:
      return Outcome::kError;
    case Blame::kPlan:
      return Outcome::kSkipped;
  }
  std::abort();
}

bool is_failure(const Verdict& attempt) {
  return attempt.outcome == Outcome::kFailed || attempt.outcome == Outcome::kFlaky;
}

bool is_error(const Verdict& attempt) { return attempt.outcome == Outcome::kError; }

/// The first failure, told as one that did not come every time, with what each attempt left as evidence.
Verdict flaky(const std::vector<Verdict>& attempts) {
  Verdict verdict = *std::ranges::find_if(attempts, is_failure);
  const auto failures = std::ranges::count_if(attempts, is_failure);
  if (verdict.outcome != Outcome::kFlaky) {
    verdict.message = fmt::format("failed in {} of {} attempts: {}", failures, attempts.size(), verdict.message);
  }
  verdict.outcome = Outcome::kFlaky;
  verdict.evidence.clear();
  for (size_t i = 0; i < attempts.size(); ++i) {
    for (const Evidence& piece : attempts[i].evidence) {
      verdict.evidence.push_back({fmt::format("attempt {}: {}", i + 1, piece.name), piece.text});
    }
  }
  return verdict;
}

/// The errors after the last attempt that was judged: no later one forgives them.
std::vector<Verdict> unforgiven(const std::vector<Verdict>& attempts) {
  const auto judged = std::find_if_not(attempts.rbegin(), attempts.rend(), is_error);
  return {judged.base(), attempts.end()};
}

/// Of several errors the one that says most: a lab error goes before one of our own (the order of Blame), and the last
/// of its kind before those whose cause a retry may have changed.
Verdict worst(const std::vector<Verdict>& errors) {
  const auto of_lab = [](const Verdict& error) { return error.type.starts_with("lab."); };
  const auto last = std::find_if(errors.rbegin(), errors.rend(), of_lab);
  return last == errors.rend() ? errors.back() : *last;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  for (const auto& [known, text] : kOutcomes) {
    if (known == outcome) return text;
  }
  std::abort();
}

std::optional<Outcome> outcome_from(std::string_view text) {
  for (const auto& [outcome, known] : kOutcomes) {
    if (known == text) return outcome;
  }
  return std::nullopt;
}

Verdict Verdict::from(const Error& error) {
  return {.outcome = outcome_of(error.blame),
          .type = error.type(),
          .message = error.what,
          .hint = error.hint,
          .evidence = error.evidence};
}

Verdict settle(const std::vector<Verdict>& attempts) {
  const auto has = [&](Outcome outcome) { return std::ranges::find(attempts, outcome, &Verdict::outcome); };
  const auto none = attempts.end();
  if (attempts.empty()) {
    return Verdict::from(harness_error("no-attempt", "the case was to run, but no attempt at it was made"));
  }
  if (has(Outcome::kFlaky) != none || (has(Outcome::kFailed) != none && has(Outcome::kPassed) != none)) {
    return flaky(attempts);
  }
  if (has(Outcome::kFailed) != none) return *has(Outcome::kFailed);
  if (const auto errors = unforgiven(attempts); !errors.empty()) return worst(errors);
  if (has(Outcome::kPassed) != none) return *has(Outcome::kPassed);
  return *has(Outcome::kSkipped);
}

void Tally::add(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      ++passed;
      return;
    case Outcome::kFailed:
    case Outcome::kFlaky:
      ++failed;
      return;
    case Outcome::kError:
      ++errors;
      return;
    case Outcome::kSkipped:
      ++skipped;
      return;
  }
  std::abort();
}

int exit_code(const Tally& tally, bool interrupted) {
  if (interrupted) return 130;  // 128 + SIGINT, as shells say it
  if (tally.failed > 0) return 1;
  if (tally.errors > 0) return 2;
  if (tally.total() == 0) return 3;
  if (tally.passed == 0) return 4;
  return 0;
}

}  // namespace holdfast
