// What does somebody see who waits for the run?
#include "reports/terminal.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <stop_token>
#include <tuple>
#include <utility>

#include "harness/base/text.h"
#include "reports/words.h"

namespace holdfast::reports {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

namespace {

constexpr size_t kEvidenceLines = 8;
constexpr size_t kEvidenceColumns = 200;
constexpr size_t kMostListed = 20;

Style style_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return Style::kGood;
    case Outcome::kFailed:
    case Outcome::kFlaky:
    case Outcome::kError:
      return Style::kBad;
    case Outcome::kSkipped:
      return Style::kOdd;
  }
  std::abort();
}

milliseconds total(const CaseSettled& settled) {
  milliseconds sum{0};
  for (const AttemptEnded& attempt : settled.attempts) sum += attempt.took;
  return sum;
}

std::string value_or_empty(const Properties& properties, const std::string& name) {
  const auto found = properties.find(name);
  return found == properties.end() ? std::string() : found->second;
}

/// The verdict's evidence, or that of the last attempt that has some.
const std::vector<Evidence>& evidence_of(const CaseSettled& settled) {
  if (!settled.verdict.evidence.empty()) return settled.verdict.evidence;
  for (auto attempt = settled.attempts.rbegin(); attempt != settled.attempts.rend(); ++attempt) {
    if (!attempt->verdict.evidence.empty()) return attempt->verdict.evidence;
  }
  return settled.verdict.evidence;
}

}  // namespace

TerminalReport::TerminalReport(Screen& screen, TerminalOptions options)
    : screen_(screen), options_(std::move(options)) {
  if (!screen_.traits().live) return;
  // Signals are for the thread that runs the program: this one must not take them away from its poll().
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  drawer_ = std::jthread([this](const std::stop_token& stop) { keep_drawing(stop); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TerminalReport::~TerminalReport() {
  if (drawer_.joinable()) {
    drawer_.request_stop();
    drawer_.join();
  }
  screen_.clear_live();
}

void TerminalReport::on(const Event& event) {
  const std::scoped_lock lock(mutex_);
  std::visit([this](const auto& body) { show(body); }, event);
  draw();
}

void TerminalReport::show(const RunStarted& event) {
  started_ = event;
  begun_ = Clock::now();
  if (options_.verbosity == Verbosity::kQuiet) return;
  Line line = {{"run ", Style::kStrong}, {event.run_id, Style::kStrong}};
  // "7.3.4 (/where/it/is)": the first word is its name.
  const auto name_of = [&](const char* property) {
    const std::string value = value_or_empty(event.properties, property);
    return value.substr(0, value.find(" ("));
  };
  const std::string kernel = name_of("kernel");
  const std::string next = name_of("next_kernel");
  if (!kernel.empty()) line.push_back({fmt::format("  kernels {}..{}", kernel, next.empty() ? kernel : next)});
  for (const char* name : {"target", "accel"}) {
    const std::string value = value_or_empty(event.properties, name);
    if (!value.empty()) line.push_back({fmt::format("  {} {}", name, value)});
  }
  line.push_back(
      {fmt::format("  {} {} to run, {} skipped", event.planned, event.planned == 1 ? "case" : "cases", event.skipped)});
  screen_.line(line);
}

void TerminalReport::show(const SuiteFacts& event) {
  Properties& facts = suites_[event.suite];
  for (const auto& [name, value] : event.properties) facts.insert_or_assign(name, value);
  if (facts.contains("accel")) show_suite(event.suite);
}

void TerminalReport::show_suite(const std::string& suite) {
  if (options_.verbosity == Verbosity::kQuiet || suite.empty() || !suites_shown_.insert(suite).second) return;
  const std::string accel = value_or_empty(suites_[suite], "accel");
  screen_.line({{"suite ", Style::kStrong}, {suite}, {accel.empty() ? "" : fmt::format("  accel {}", accel)}});
}

TerminalReport::Running& TerminalReport::running(const Where& where) {
  const std::string key = where.id.key();
  for (Running& one : running_) {
    if (one.key == key && one.target == where.target) return one;
  }
  targets_.insert(where.target);
  running_.push_back({.key = key, .target = where.target, .phase = {}, .since = Clock::now(), .begun = Clock::now()});
  lanes_ = std::max(lanes_, running_.size());
  return running_.back();
}

void TerminalReport::show(const CaseStarted& event) { running(event.where); }

void TerminalReport::show(const PhaseStarted& event) {
  Running& one = running(event.where);
  one.phase = event.phase;
  one.since = Clock::now();
  if (std::ranges::find(phase_order_, event.phase) == phase_order_.end()) phase_order_.push_back(event.phase);
  if (options_.verbosity == Verbosity::kVerbose) {
    screen_.line({{fmt::format("  {}: {} ...", event.where.id.key(), event.phase), Style::kFaint}});
  }
}

void TerminalReport::show(const PhaseEnded& event) {
  if (std::ranges::find(phase_order_, event.phase) == phase_order_.end()) phase_order_.push_back(event.phase);
  for (Running& one : running_) {
    if (one.target == event.where.target && one.phase == event.phase && one.key == event.where.id.key()) {
      one.phase.clear();
      one.since = Clock::now();
    }
  }
  if (options_.verbosity == Verbosity::kVerbose) {
    screen_.line({{fmt::format("  {}: {} {}, {}", event.where.id.key(), event.phase, event.ok ? "done" : "failed",
                               duration(event.took)),
                   event.ok ? Style::kFaint : Style::kOdd}});
  }
}

void TerminalReport::show(const AttemptEnded& event) {
  const Verdict& verdict = event.verdict;
  if (options_.verbosity != Verbosity::kVerbose || verdict.outcome == Outcome::kPassed) return;
  screen_.line({{fmt::format("  {}: attempt {}: {} {}: {}", event.where.id.key(), event.where.attempt,
                             to_string(verdict.outcome), verdict.type, verdict.message),
                 Style::kOdd}});
}

std::string TerminalReport::phases_text(const CaseSettled& event) const {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& phase, milliseconds took) {
    parts.push_back(fmt::format("{} {}", phase, short_seconds(took)));
  };
  for (const std::string& phase : phase_order_) {
    if (const auto found = event.phases.find(phase); found != event.phases.end()) add(phase, found->second);
  }
  for (const auto& [phase, took] : event.phases) {
    if (std::ranges::find(phase_order_, phase) == phase_order_.end()) add(phase, took);
  }
  return join(parts, " ");
}

void TerminalReport::show(const CaseSettled& event) {
  ++settled_;
  over_.insert({event.target, event.id.key()});
  if (!event.attempts.empty()) {
    spent_ += total(event);
    ++ran_;
  }
  targets_.insert(event.target);
  std::erase_if(running_, [&](const Running& one) { return one.key == event.id.key() && one.target == event.target; });
  const Outcome outcome = event.verdict.outcome;
  const bool worked = outcome == Outcome::kPassed || outcome == Outcome::kSkipped;
  const std::string on = targets_.size() > 1 ? fmt::format(" on {}", event.target) : "";
  if (!worked) not_passed_.emplace_back(outcome, event.id.key() + on);
  if (worked && options_.verbosity == Verbosity::kQuiet) return;

  show_suite(event.suite);
  Line line = {{fmt::format("{:<5}", label(outcome)), style_of(outcome)}, {fmt::format(" {}{}", event.id.key(), on)}};
  if (!event.attempts.empty()) line.push_back({fmt::format(" {}s", short_seconds(total(event)))});
  const std::string phases = phases_text(event);
  if (!phases.empty()) line.push_back({"  " + phases, Style::kFaint});
  if (outcome == Outcome::kSkipped) line.push_back({"  " + event.verdict.message});
  if (outcome == Outcome::kPassed && event.attempts.size() > 1) {
    line.push_back({fmt::format("  (attempt {})", event.attempts.size()), Style::kOdd});
  }
  screen_.line(line);
  if (!worked) show_what_failed(event);
}

void TerminalReport::show_what_failed(const CaseSettled& event) {
  const Verdict& verdict = event.verdict;
  const auto folder_of = [this](const AttemptEnded& attempt) {
    return attempt.dir.empty() ? "" : (std::filesystem::path(started_.out_dir) / attempt.dir).string();
  };
  screen_.line({{fmt::format("      {}: ", verdict.type), Style::kStrong}, {verdict.message}});
  if (!verdict.hint.empty()) screen_.line({{"      try: ", Style::kStrong}, {verdict.hint}});
  show_evidence(event);
  const bool several = event.attempts.size() > 1;
  for (const AttemptEnded& attempt : event.attempts) {
    const Verdict& of = attempt.verdict;
    if (several) {
      screen_.line(fmt::format("      attempt {}{}: {}{}", attempt.where.attempt,
                               elsewhere(attempt.where, event.target), to_string(of.outcome),
                               of.type.empty() ? "" : fmt::format(", {}: {}", of.type, of.message)));
    }
    if (!attempt.dir.empty()) screen_.line(fmt::format("      folder: {}", folder_of(attempt)));
  }
  if (!event.replay.empty()) screen_.line(fmt::format("      replay: {}", event.replay));
}

void TerminalReport::show_evidence(const CaseSettled& event) {
  const std::vector<Evidence>& evidence = evidence_of(event);
  if (evidence.empty()) return;
  const std::string clean = printable(evidence.front().text);
  screen_.line(fmt::format("      {}, last lines:", evidence.front().name));
  for (const std::string_view text : split(trim(last_lines(trim(clean), kEvidenceLines)), '\n')) {
    screen_.line({{"      | ", Style::kFaint}, {cut_to(text, kEvidenceColumns)}});
  }
  std::vector<std::string> others;
  for (const Evidence& piece : evidence) {
    if (&piece != &evidence.front()) others.push_back(piece.name);
  }
  if (!others.empty()) screen_.line(fmt::format("      more in the report: {}", join(others, ", ")));
}

void TerminalReport::show(const Intent& /*event*/) {}

void TerminalReport::show(const FindingAllowed& event) {
  if (options_.verbosity != Verbosity::kVerbose) return;
  screen_.line({{fmt::format("  {}: allowed warning: {} ({}), kernel {}, phase: {}", event.where.id.key(), event.title,
                             event.reason, event.kernel, event.phase),
                 Style::kOdd}});
}

void TerminalReport::show(const Recovery& event) {
  if (event.ok && options_.verbosity == Verbosity::kQuiet) return;
  screen_.line(
      {{fmt::format("recovery of {}: ", event.target), event.ok ? Style::kFaint : Style::kOdd}, {sentence(event)}});
}

void TerminalReport::show(const Milestone& event) {
  if (options_.verbosity != Verbosity::kVerbose) return;
  screen_.line({{fmt::format("  {}: {} {} ms after the kexec", event.where.id.key(), event.key(), event.at.count()),
                 Style::kFaint}});
}

void TerminalReport::show(const Note& event) {
  if (options_.verbosity == Verbosity::kQuiet) return;
  const bool warning = event.level == Note::Level::kWarning;
  screen_.line({{warning ? "warning: " : "note: ", warning ? Style::kOdd : Style::kFaint}, {event.text}});
}

void TerminalReport::show(const RunEnded& event) {
  running_.clear();
  screen_.clear_live();
  screen_.line("");
  for (size_t i = 0; i < std::min(not_passed_.size(), kMostListed); ++i) {
    const auto& [outcome, key] = not_passed_[i];
    screen_.line({{fmt::format("{:<5}", label(outcome)), style_of(outcome)}, {" " + key}});
  }
  if (not_passed_.size() > kMostListed) {
    screen_.line(fmt::format("... and {} more", not_passed_.size() - kMostListed));
  }
  const int expected = started_.planned + started_.skipped;
  const std::string of = event.interrupted && expected > event.tally.total() ? fmt::format(" of {}", expected) : "";
  screen_.line({{sentence(event.tally), event.exit_code == 0 ? Style::kGood : Style::kStrong},
                {fmt::format(" ({}{} {}) in {}", event.tally.total(), of, event.tally.total() == 1 ? "case" : "cases",
                             duration(event.took))}});
  const std::filesystem::path junit =
      options_.junit.empty() ? std::filesystem::path(started_.out_dir) / "junit.xml" : options_.junit;
  screen_.line(fmt::format("report: {}", junit.string()));
  screen_.line(fmt::format("exit {}: {}", event.exit_code, exit_meaning(event.exit_code)));
}

/// Each planned case as long as in an earlier run, one that was not in it as long as the others on average; less what
/// the running ones have had, over as many as run side by side. Nothing before anything is known.
std::optional<milliseconds> TerminalReport::left() const {
  const int remaining = started_.planned + started_.skipped - settled_;
  milliseconds known{0};
  int known_cases = 0;
  milliseconds earlier{0};
  for (const auto& [name, took] : options_.expected) {
    earlier += took;
    if (over_.contains(name)) continue;
    known += took;
    ++known_cases;
  }
  milliseconds each{0};
  if (ran_ > 0) {
    each = spent_ / ran_;
  } else if (!options_.expected.empty()) {
    each = earlier / static_cast<int>(options_.expected.size());
  } else {
    return std::nullopt;
  }
  milliseconds whole = known + each * std::max(remaining - known_cases, 0);
  for (const Running& one : running_) {
    const auto found = options_.expected.find({one.target, one.key});
    const milliseconds due = found == options_.expected.end() ? each : found->second;
    whole -= std::min(due, duration_cast<milliseconds>(Clock::now() - one.begun));
  }
  return std::max(whole, milliseconds{0}) / static_cast<int>(lanes_);
}

Line TerminalReport::total_line() const {
  const auto elapsed = duration_cast<milliseconds>(Clock::now() - begun_);
  const auto remaining = left();
  return {{fmt::format("[{}/{}]", settled_, started_.planned + started_.skipped), Style::kStrong},
          {fmt::format(" {}{}{}", duration(elapsed), remaining ? ", about " + duration(*remaining) + " left" : "",
                       not_passed_.empty() ? "" : fmt::format(", {} not passed", not_passed_.size()))}};
}

void TerminalReport::draw() {
  if (!screen_.traits().live) return;
  if (running_.empty()) return screen_.clear_live();
  // The attempt that is longest in its phase is the one somebody may wonder about.
  std::vector<const Running*> shown;
  for (const Running& one : running_) shown.push_back(&one);
  std::ranges::stable_sort(shown, {}, &Running::since);
  const size_t room = std::max<size_t>(screen_.live_rows(), 2) - 1;
  const size_t more = shown.size() > room ? shown.size() - room : 0;
  shown.resize(shown.size() - more);
  std::vector<Line> lines;
  for (const Running* one : shown) {
    const auto in_phase = duration_cast<std::chrono::seconds>(Clock::now() - one->since);
    const std::string on = targets_.size() > 1 ? fmt::format(" on {}", one->target) : "";
    lines.push_back(
        {{"  " + one->key + on},
         {fmt::format("  {}{}{} s", one->phase, one->phase.empty() ? "" : " ", in_phase.count()), Style::kFaint}});
  }
  Line total = total_line();
  if (more > 0) total.push_back({fmt::format("  (+{} more)", more), Style::kFaint});
  lines.push_back(std::move(total));
  screen_.live(lines);
}

void TerminalReport::keep_drawing(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    draw();
  }
}

}  // namespace holdfast::reports
