// What has the run told so far, in the order in which reports show it?
#include "reports/record.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::reports {

using std::chrono::milliseconds;

namespace {

constexpr size_t kMostWarnings = 200;
constexpr size_t kMostRecoveries = 200;  ///< of a target

/// Both rounds of a repeated case as one.
CaseSettled merged(const CaseSettled& earlier, CaseSettled later) {
  if (later.attempts.empty() || earlier.attempts.empty()) return later.attempts.empty() ? earlier : later;
  later.attempts.insert(later.attempts.begin(), earlier.attempts.begin(), earlier.attempts.end());
  std::vector<Verdict> verdicts;
  for (const AttemptEnded& attempt : later.attempts) verdicts.push_back(attempt.verdict);
  later.verdict = settle(verdicts);
  return later;
}

}  // namespace

bool ReportOrder::operator()(const CaseId& a, const CaseId& b) const {
  return std::make_tuple(a.classname(), std::string_view(a.name)) <
         std::make_tuple(b.classname(), std::string_view(b.name));
}

milliseconds took(const CaseSettled& settled) {
  milliseconds sum{0};
  for (const AttemptEnded& attempt : settled.attempts) sum += std::max(attempt.took, milliseconds{0});
  return sum;
}

SuiteRecord& RunRecord::suite(const std::string& name) {
  const auto [entry, is_new] = suites_.try_emplace(name);
  if (is_new) entry->second.begun = now_();
  return entry->second;
}

void RunRecord::cap(Verdict& verdict, const std::string& dir) {
  for (Evidence& piece : verdict.evidence) {
    const size_t limit = evidence_bytes_ < kReportLimit ? kEvidenceLimit : kLateEvidenceLimit;
    piece.text = printable(capped_tail(piece.text, limit, dir));
    evidence_bytes_ += piece.text.size();
  }
}

void RunRecord::add_settled(CaseSettled settled) {
  // An attempt's evidence is usually that of the verdict as well: kept once, with the attempt.
  std::erase_if(settled.verdict.evidence, [&](const Evidence& piece) {
    return std::ranges::any_of(settled.attempts, [&](const AttemptEnded& attempt) {
      return std::ranges::find(attempt.verdict.evidence, piece.text, &Evidence::text) != attempt.verdict.evidence.end();
    });
  });
  cap(settled.verdict, settled.attempts.empty() ? "" : settled.attempts.back().dir);
  for (AttemptEnded& attempt : settled.attempts) cap(attempt.verdict, attempt.dir);

  SuiteRecord& into = suite(settled.suite.empty() ? settled.target : settled.suite);
  const auto known = into.cases.find(settled.id);
  if (known != into.cases.end()) {
    known->second = merged(known->second, std::move(settled));
  } else {
    CaseId id = settled.id;
    into.cases.emplace(std::move(id), std::move(settled));
  }
}

void RunRecord::add(Event&& event) {
  if (auto* settled = std::get_if<CaseSettled>(&event)) return add_settled(std::move(*settled));
  add(std::as_const(event));
}

void RunRecord::add(const Event& event) {
  if (const auto* begun = std::get_if<RunStarted>(&event)) started_ = *begun;
  if (const auto* ended = std::get_if<RunEnded>(&event)) ended_ = *ended;
  if (const auto* settled = std::get_if<CaseSettled>(&event)) add_settled(*settled);
  if (const auto* facts = std::get_if<SuiteFacts>(&event)) {
    SuiteRecord& into = suite(facts->suite);
    for (const auto& [key, value] : facts->properties) into.facts.insert_or_assign(key, value);
  }
  if (const auto* recovery = std::get_if<Recovery>(&event)) {
    auto& told = recoveries_[recovery->target];
    if (told.size() < kMostRecoveries) told.push_back(sentence(*recovery));
  }
  if (const auto* note = std::get_if<Note>(&event)) {
    if (note->level == Note::Level::kWarning && warnings_.size() < kMostWarnings) warnings_.push_back(note->text);
  }
}

std::vector<std::string> RunRecord::recoveries(const std::string& suite) const {
  const auto found = recoveries_.find(suite.substr(0, suite.find('/')));
  return found == recoveries_.end() ? std::vector<std::string>() : found->second;
}

Tally SuiteRecord::tally() const {
  Tally tally;
  for (const auto& [id, settled] : cases) tally.add(settled.verdict.outcome);
  return tally;
}

milliseconds SuiteRecord::took() const {
  milliseconds sum{0};
  for (const auto& [id, settled] : cases) sum += reports::took(settled);
  return sum;
}

Tally RunRecord::tally() const {
  Tally sum;
  for (const auto& [name, suite] : suites_) {
    const Tally one = suite.tally();
    sum.passed += one.passed;
    sum.failed += one.failed;
    sum.errors += one.errors;
    sum.skipped += one.skipped;
  }
  return sum;
}

milliseconds RunRecord::took() const {
  if (ended_) return ended_->took;
  milliseconds sum{0};
  for (const auto& [name, suite] : suites_) sum += suite.took();
  return sum;
}

}  // namespace holdfast::reports
