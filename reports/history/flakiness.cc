// How often does each case fail when nothing but chance changes?
#include "reports/history/flakiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "harness/base/text.h"
#include "reports/printer.h"

namespace holdfast::reports {

namespace {

std::string text_of(const Line& line) {
  std::string text;
  for (const Span& span : line) text += span.text;
  return text + "\n";
}

char letter(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return '.';
    case Outcome::kFailed:
      return 'F';
    case Outcome::kFlaky:
      return '~';
    case Outcome::kError:
      return 'E';
    case Outcome::kSkipped:
      return 's';
  }
  std::abort();
}

std::string property(const RunRecord& record, const SuiteRecord& suite, const char* name) {
  const auto of_suite = suite.facts.find(name);
  if (of_suite != suite.facts.end()) return of_suite->second;
  const auto of_run = record.started().properties.find(name);
  return of_run == record.started().properties.end() ? "" : of_run->second;
}

std::string builds_of(const RunRecord& record, const SuiteRecord& suite) {
  constexpr size_t kShort = 8;
  const std::string a = property(record, suite, "kernel.build_id").substr(0, kShort);
  const std::string b = property(record, suite, "next_kernel.build_id").substr(0, kShort);
  return a.empty() && b.empty() ? "" : fmt::format("{}..{}", a, b);
}

void count(CaseRate& rate, const CaseSettled& settled) {
  rate.history += letter(settled.verdict.outcome);
  for (const AttemptEnded& attempt : settled.attempts) {
    const Outcome outcome = attempt.verdict.outcome;
    const bool failed = outcome == Outcome::kFailed || outcome == Outcome::kFlaky;
    if (outcome == Outcome::kError) ++rate.errors;
    if (failed) ++rate.failures;
    if (failed || outcome == Outcome::kPassed) ++rate.trials;
  }
}

}  // namespace

std::vector<CaseRate> failure_rates(const std::vector<RunResults>& runs) {
  std::map<std::tuple<std::string, std::string, CaseId>, CaseRate> by_case;
  for (const RunResults& run : runs) {
    for (const auto& [name, suite] : run.record.suites()) {
      const std::string builds = builds_of(run.record, suite);
      for (const auto& [id, settled] : suite.cases) {
        CaseRate& rate = by_case[{name, builds, id}];
        rate.suite = name;
        rate.builds = builds;
        rate.id = id;
        count(rate, settled);
      }
    }
  }
  std::vector<CaseRate> rates;
  for (auto& [key, rate] : by_case) {
    rate.interval = wilson(rate.failures, rate.trials);
    rates.push_back(std::move(rate));
  }
  std::ranges::stable_sort(rates, std::greater(), [](const CaseRate& rate) {
    return std::tuple(rate.flaky(), rate.failures > 0, rate.trials > 0 ? rate.interval.low : 0.0);
  });
  return rates;
}

std::string rates_text(const std::vector<CaseRate>& rates, size_t runs) {
  constexpr size_t kNewest = 40;  // letters of the history that a line has room for
  std::vector<std::vector<std::string>> rows{{"CASE", "SUITE", "BUILDS", "FAILED", "95 % INTERVAL", "", "HISTORY"}};
  size_t flaky = 0;
  int most = 0;
  for (const CaseRate& rate : rates) {
    if (rate.flaky()) ++flaky;
    if (rate.failures == 0) most = std::max(most, rate.trials);
    if (rate.failures == 0 && rate.errors == 0) continue;
    const std::string history = rate.history.substr(rate.history.size() - std::min(rate.history.size(), kNewest));
    rows.push_back({printable(rate.id.key()), printable(rate.suite), printable(rate.builds),
                    fmt::format("{} of {}", rate.failures, rate.trials),
                    fmt::format("{:.1f} to {:.1f} %", 100 * rate.interval.low, 100 * rate.interval.high),
                    rate.flaky()        ? "flaky"
                    : rate.failures > 0 ? "fails"
                                        : "errors",
                    history});
  }
  std::string text;
  if (rows.size() > 1) {
    for (const Line& line : table_lines(rows, 0)) text += text_of(line);
    text += "\n";
  }
  const size_t clean = rates.size() - (rows.size() - 1);
  text += fmt::format("{} runs, {} cases: {} flaky, {} that never failed", runs, rates.size(), flaky, clean);
  // The rule of a rate never seen: what "never failed" is worth.
  if (most > 0) {
    text += fmt::format(" (a case that passed {} times may still fail in {:.1f} %)", most, 100 * wilson(0, most).high);
  }
  return text + "\n";
}

}  // namespace holdfast::reports
