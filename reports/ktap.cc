// How do the kernel's own tools follow a run?
#include "reports/ktap.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "harness/base/text.h"

namespace holdfast::reports {

namespace {

/// One line of what may be many. '#' would begin a directive.
std::string one_line(std::string_view text, bool may_have_hash) {
  std::string line = printable(text);
  std::ranges::replace(line, '\n', ' ');
  if (!may_have_hash) std::ranges::replace(line, '#', '_');
  return line;
}

/// "Preserve.DeviceKeepsItsAddress/e1000e qemu/7.3.4..7.3.4": unique within the run.
std::string description(const CaseSettled& settled) {
  return one_line(fmt::format("{} {}", settled.id.key(), settled.suite.empty() ? settled.target : settled.suite),
                  false);
}

std::string said(const Verdict& verdict) {
  return verdict.type.empty() ? verdict.message : fmt::format("{}: {}", verdict.type, verdict.message);
}

}  // namespace

void KtapReport::on(const Event& event) {
  if (const auto* started = std::get_if<RunStarted>(&event)) {
    write_("KTAP version 1");
    write_(fmt::format("1..{}", started->planned + started->skipped));
    diagnose(fmt::format("holdfast run {}", started->run_id));
  } else if (const auto* note = std::get_if<Note>(&event)) {
    if (note->level == Note::Level::kWarning) diagnose("warning: " + note->text);
  } else if (const auto* one = std::get_if<CaseSettled>(&event)) {
    settled(*one);
  } else if (const auto* ended = std::get_if<RunEnded>(&event)) {
    if (ended->interrupted) diagnose("interrupted");
    // The form of kselftest's own closing line.
    const Tally& tally = ended->tally;
    diagnose(fmt::format("Totals: pass:{} fail:{} xfail:0 xpass:0 skip:{} error:{}", tally.passed, tally.failed,
                         tally.skipped, tally.errors));
  }
}

void KtapReport::settled(const CaseSettled& settled) {
  const Verdict& verdict = settled.verdict;
  const std::string name = description(settled);
  ++number_;
  switch (verdict.outcome) {
    case Outcome::kPassed:
      return write_(fmt::format("ok {} {}", number_, name));
    case Outcome::kSkipped:
      return write_(fmt::format("ok {} {} # SKIP {}", number_, name, one_line(verdict.message, true)));
    case Outcome::kFailed:
    case Outcome::kFlaky:
    case Outcome::kError:
      break;
  }
  diagnose(verdict.outcome == Outcome::kFlaky ? "flaky: " + said(verdict) : said(verdict));
  if (!verdict.hint.empty()) diagnose("try: " + verdict.hint);
  for (const AttemptEnded& attempt : settled.attempts) {
    if (!attempt.dir.empty()) diagnose("files: " + attempt.dir);
  }
  if (!settled.replay.empty()) diagnose("replay: " + settled.replay);
  const bool error = verdict.outcome == Outcome::kError;
  write_(fmt::format("not ok {} {}{}", number_, name, error ? " # ERROR " + one_line(verdict.type, true) : ""));
}

void KtapReport::diagnose(const std::string& text) {
  const std::string clean = printable(text);
  for (const std::string_view line : split(clean, '\n')) write_(fmt::format("# {}", line));
}

}  // namespace holdfast::reports
