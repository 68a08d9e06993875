// What did the kernels of one case report about themselves, on the console and in their logs?
#include "harness/crash/crash_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace holdfast {
namespace {

/// How much of the console is in memory at once while it is read through.
constexpr size_t kPiece = size_t{4} << 20;

/// Whether the console and a kernel's log tell of the same event. The time stamp is the same in both, to the
/// microsecond; a console without time stamps leaves the fingerprint.
bool same_event(const CrashFinding& on_console, const CrashFinding& in_log) {
  if (on_console.kind != in_log.kind) return false;
  if (on_console.time.empty() || in_log.time.empty()) return on_console.fingerprint == in_log.fingerprint;
  return on_console.time == in_log.time;
}

/// What is in the log alone is added behind; of what is in both, the log knows the kernel and the console the phase.
/// `taken` says which of the console's findings were met in a log already.
void add_from_log(std::vector<CrashFinding>& findings, std::vector<bool>& taken, std::vector<CrashFinding> from_log,
                  int kernel) {
  for (CrashFinding& finding : from_log) {
    size_t i = 0;
    while (i < taken.size() && (taken[i] || !same_event(findings[i], finding))) ++i;
    if (i < taken.size()) {
      taken[i] = true;
      findings[i].kernel = kernel;
    } else {
      findings.push_back(std::move(finding));
    }
  }
}

}  // namespace

void CrashWatch::phase_begins(Phase phase) {
  phase_ = to_string(phase);
  LogMark mark{
      .offset = console_.mark(), .phase = phase_, .start = LogMark::Start::kNone, .kernel = kernel_, .uptime = 0};
  if (due_ && phase == Phase::kBoot) due_ = false;  // its kernel began, and ended before it answered
  if (due_ && phase != Phase::kWait && phase != Phase::kClose) {
    due_ = false;
    const auto asked = std::ranges::find(marks_.rbegin(), marks_.rend(), LogMark::Start::kKexec, &LogMark::start);
    if (asked != marks_.rend()) asked->start = LogMark::Start::kNone;
  }
  if (phase == Phase::kBoot) {
    mark.start = LogMark::Start::kPowerOn;
    mark.kernel = kernel_ = 0;
    clock_began_ = Deadline::Clock::now();
    logs_.push_back({});
  } else if (phase == Phase::kKexec) {
    // What has an earlier time than this cannot be the old kernel's.
    mark.start = LogMark::Start::kKexec;
    mark.uptime = std::chrono::duration<double>(Deadline::Clock::now() - clock_began_).count();
    mark.since = [&console = console_, asked = Deadline::Clock::now()](size_t offset) -> std::optional<double> {
      const auto came = console.came_at(offset);
      if (!came) return std::nullopt;
      return std::chrono::duration<double>(*came - asked).count();
    };
    due_ = true;
  }
  if (mark.start != LogMark::Start::kNone) kernel_mark_ = mark.offset;
  if (phase == Phase::kBoot || phase == Phase::kWait) log_since_ = phase_;
  marks_.push_back(std::move(mark));
}

void CrashWatch::kernel_is_up(Millis uptime) {
  clock_began_ = Deadline::Clock::now() - uptime;
  if (!due_) return;
  due_ = false;
  ++kernel_;
  logs_.push_back({.kernel = kernel_, .text = {}, .marks = {}});
}

void CrashWatch::log_grew(std::string_view text) {
  if (logs_.empty()) logs_.push_back({});
  KernelLog& log = logs_.back();
  // The log has no marks of its own: all that is known is between which two looks at it a message came.
  const bool same = log_since_.empty() || log_since_ == phase_;
  log.marks.push_back({.offset = log.text.size(),
                       .phase = same ? phase_ : fmt::format("{} to {}", log_since_, phase_),
                       .start = LogMark::Start::kNone,
                       .kernel = log.kernel,
                       .uptime = 0});
  log.text += text;
  log_since_ = phase_;
}

std::vector<CrashFinding> CrashWatch::on_console() const {
  CrashScan scan(marks_);
  const Console::Mark end = console_.mark();
  for (Console::Mark at = 0; at < end; at += kPiece) scan.feed(console_.slice(at, std::min(at + kPiece, end)));
  return scan.finish();
}

void CrashWatch::expect_panic(std::string text) {
  expected_.push_back({.text = std::move(text), .from = console_.mark()});
}

void CrashWatch::panic_is_over() { expected_.back().to = console_.mark(); }

std::optional<std::string> CrashWatch::expected_panic() const {
  auto findings = on_console();
  const auto found = find_expected(findings, expected_.back());
  if (found == findings.end()) return std::nullopt;
  return found->title;
}

CrashReports CrashWatch::look() const {
  std::vector<CrashFinding> findings = on_console();
  forgive(findings, expected_);
  std::vector<bool> taken(findings.size(), false);
  for (const KernelLog& log : logs_) add_from_log(findings, taken, find_crashes(log.text, log.marks), log.kernel);
  std::ranges::stable_sort(findings, {}, &CrashFinding::kernel);
  CrashReports reports;
  for (CrashFinding& finding : findings) {
    const auto by = std::ranges::find_if(allowances_, [&](const Allowance& one) { return allows(one, finding); });
    if (by == allowances_.end()) {
      reports.findings.push_back(std::move(finding));
    } else {
      reports.allowed.push_back({std::move(finding), *by});
    }
  }
  return reports;
}

std::vector<Evidence> evidence_of(const std::vector<CrashFinding>& findings) {
  std::vector<Evidence> evidence;
  std::vector<std::tuple<std::string, int>> told;
  for (const CrashFinding& finding : findings) {
    const std::tuple key(finding.fingerprint, finding.kernel);
    if (std::ranges::find(told, key) != told.end()) continue;
    told.push_back(key);
    std::string text = fmt::format("kind: {}\nkernel: {}\n", finding.kind, kernel_name(finding.kernel));
    if (!finding.phase.empty()) text += fmt::format("phase: {}\n", finding.phase);
    if (!finding.time.empty()) text += fmt::format("time: {} s after its start\n", finding.time);
    text += fmt::format("fingerprint: {}\n\n{}", finding.fingerprint, finding.excerpt);
    evidence.push_back({is_warning(finding) ? "warning" : "crash", std::move(text)});
  }
  return evidence;
}

std::string headline(const CrashFinding& finding) {
  const std::string phase = finding.phase.empty() ? "" : fmt::format(", phase: {}", finding.phase);
  return fmt::format("{} (kernel {}{})", finding.title, kernel_name(finding.kernel), phase);
}

std::string verdict_kind(const CrashFinding& finding) { return finding.kind == "firmware" ? "reset" : finding.kind; }

}  // namespace holdfast
