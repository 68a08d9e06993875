// Does this console or kernel log show that the kernel crashed, and how?
//
// Message by message: one that begins a crash opens a report; those that follow from the same caller belong to it until
// its own last line, the next beginning, or a limit. Where the kernel names callers, the reports of several CPUs grow
// side by side. A report that is complete becomes a finding, unless the log is flooded with its like.
#include "harness/crash/crash.h"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <utility>

#include "harness/base/text.h"
#include "harness/crash/crash_lines.h"
#include "harness/crash/crash_patterns.h"

namespace holdfast {
namespace {

using crash::LogLine;

constexpr size_t kExcerptLines = 60;
constexpr size_t kExcerptWidth = 400;
constexpr size_t kContextLines = 3;   ///< before the first line: "cut here" and what a WARN has to say
constexpr size_t kReportLines = 250;  ///< a report whose last line got lost ends here
constexpr size_t kFrames = 3;
constexpr size_t kOpenReports = 64;  ///< more callers than that do not crash at once
constexpr size_t kPerFingerprint = 10;
constexpr size_t kPerKind = 200;

/// A report whose lines are still coming in.
struct Report {
  CrashFinding finding;
  std::string caller;
  bool stamped = false;
  size_t excerpt_lines = 0;
  size_t lines = 0;
  bool died = false;  ///< the line with "[#1]" came: another one is another oops
  std::vector<std::string> frames;
};

/// The last messages, for the context of a report. Slots are reused: most messages are never asked for again.
class Recent {
 public:
  void add(const LogLine& line) {
    Slot& slot = slots_[next_++ % slots_.size()];
    slot.text.assign(line.text);
    slot.caller.assign(line.caller);
    slot.stamped = line.stamped;
  }

  /// Oldest first, from "cut here" on if that is among them.
  std::vector<std::string> before(const LogLine& line) const {
    std::vector<std::string> context;
    for (size_t i = next_ > slots_.size() ? next_ - slots_.size() : 0; i < next_; ++i) {
      const Slot& slot = slots_[i % slots_.size()];
      if (slot.caller != line.caller || slot.stamped != line.stamped) continue;
      if (slot.text.find("[ cut here ]") != std::string::npos || slot.text.starts_with("---[ end ")) context.clear();
      if (!slot.text.starts_with("---[ end ")) context.push_back(slot.text);
    }
    return context;
  }

 private:
  struct Slot {
    std::string text;
    std::string caller;
    bool stamped = false;
  };
  std::array<Slot, kContextLines> slots_;
  size_t next_ = 0;
};

/// Reads one log.
class Detector {
 public:
  void read(const LogLine& line);
  std::vector<CrashFinding> finish();

 private:
  bool firmware(const LogLine& line);
  bool continues(const Report& report, std::string_view kind, const LogLine& line) const;
  void open(std::string_view kind, const LogLine& line);
  static void append(Report& report, const LogLine& line);
  void close(std::list<Report>::iterator report);
  std::list<Report>::iterator report_of(const LogLine& line);

  std::list<Report> open_;
  Recent recent_;
  bool stamps_seen_ = false;
  bool kernel_up_ = false;
  bool firmware_seen_ = false;
  bool panicked_ = false;  ///< since the last firmware
  std::vector<CrashFinding> findings_;
  std::map<std::string, size_t, std::less<>> per_fingerprint_;
  std::map<std::string, size_t, std::less<>> kept_of_kind_;
};

void add_to_excerpt(Report& report, std::string_view text) {
  if (report.excerpt_lines >= kExcerptLines) return;
  ++report.excerpt_lines;
  report.finding.excerpt += printable(text.substr(0, kExcerptWidth));
  report.finding.excerpt += '\n';
}

std::list<Report>::iterator Detector::report_of(const LogLine& line) {
  return std::ranges::find_if(
      open_, [&](const Report& report) { return report.caller == line.caller && (line.stamped || !report.stamped); });
}

/// The second line of the same event: "BUG: unable to handle..." and "kernel BUG at..." come before "Oops: ... [#1]",
/// DEBUG_LOCKS_WARN_ON(...) before the WARNING that carries it.
bool Detector::continues(const Report& report, std::string_view kind, const LogLine& line) const {
  if (!report.frames.empty() && report.finding.kind != "kasan") return false;
  if (kind == "oops" && line.text.find(" [#") != std::string_view::npos) {
    const std::string& first = report.finding.kind;
    return !report.died && (first == "oops" || first == "bug" || first == "kasan");
  }
  return kind == "warn" && report.finding.title.starts_with("DEBUG_LOCKS_WARN_ON") && report.lines <= 2;
}

void Detector::open(std::string_view kind, const LogLine& line) {
  while (open_.size() >= kOpenReports) close(open_.begin());
  Report report;
  report.finding.kind = kind;
  report.finding.title = printable(trim(line.text.substr(0, kExcerptWidth)));
  report.finding.offset = line.offset;
  report.caller = line.caller;
  report.stamped = line.stamped;
  for (const std::string& before : recent_.before(line)) add_to_excerpt(report, before);
  if (const auto function = crash::function_in_title(line.text); !function.empty())
    report.frames.emplace_back(function);
  open_.push_back(std::move(report));
  append(open_.back(), line);
}

void Detector::append(Report& report, const LogLine& line) {
  ++report.lines;
  add_to_excerpt(report, line.text);
  if (line.text.find(" [#") != std::string_view::npos) report.died = true;
  // Lockdep shows where the locks were taken before; what tells one report from another is where this one was.
  if (line.text.starts_with("stack backtrace:")) report.frames.clear();
  if (report.frames.size() >= kFrames) return;
  const std::string_view frame = crash::frame_of(line.text);
  if (!frame.empty() && (report.frames.empty() || report.frames.back() != frame)) report.frames.emplace_back(frame);
}

void Detector::close(std::list<Report>::iterator report) {
  CrashFinding& finding = report->finding;
  finding.fingerprint = crash::fingerprint(finding.kind, finding.title, report->frames);
  // A count that is there already may grow; a new one is made only while the kind has room, so that a flood of reports
  // that all differ does not fill the memory with their fingerprints.
  const auto known = per_fingerprint_.find(finding.fingerprint);
  size_t& kept = kept_of_kind_[finding.kind];
  const bool room = kept < kPerKind && (known == per_fingerprint_.end() || known->second < kPerFingerprint);
  if (room) {
    ++kept;
    ++per_fingerprint_[finding.fingerprint];
    findings_.push_back(std::move(finding));
  }
  open_.erase(report);
}

/// Firmware prints on the way to the first kernel; after one was up, it says that the machine was reset.
bool Detector::firmware(const LogLine& line) {
  if (!crash::is_firmware(line.text)) return false;
  const bool came_by = kernel_up_ || (firmware_seen_ && line.text.starts_with("SeaBIOS"));
  while (!open_.empty()) close(open_.begin());
  if (came_by) {
    open("firmware", line);
    close(std::prev(open_.end()));
  }
  firmware_seen_ = true;
  kernel_up_ = false;
  panicked_ = false;
  return true;
}

void Detector::read(const LogLine& line) {
  stamps_seen_ = stamps_seen_ || line.stamped;
  if (firmware(line)) return recent_.add(line);
  kernel_up_ = kernel_up_ || line.stamped || line.text.starts_with("Linux version ");

  auto report = report_of(line);
  const std::string_view kind = crash::kind_of(line, stamps_seen_);
  if (!kind.empty()) {
    panicked_ = panicked_ || kind == "panic";
    if (report != open_.end() && continues(*report, kind, line)) {
      append(*report, line);
    } else {
      if (report != open_.end()) close(report);
      open(kind, line);
    }
  } else if (report != open_.end() && line.text.find("[ cut here ]") != std::string_view::npos) {
    close(report);  // the first line of the next one
  } else if (report != open_.end()) {
    append(*report, line);
    if (report->lines >= kReportLines || crash::ends_report(report->finding.kind, line.text)) close(report);
  } else if (const auto panic = crash::panic_end(line.text); !panic.empty() && !panicked_) {
    // Its first line was lost, glued to what user space had just printed.
    LogLine first = line;
    first.text = panic;
    panicked_ = true;
    open("panic", first);
    close(std::prev(open_.end()));
  }
  recent_.add(line);
}

std::vector<CrashFinding> Detector::finish() {
  while (!open_.empty()) close(open_.begin());
  std::ranges::stable_sort(findings_, {}, &CrashFinding::offset);
  return std::move(findings_);
}

}  // namespace

std::vector<CrashFinding> find_crashes(std::string_view log) {
  Detector detector;
  crash::LineReader reader(log);
  for (LogLine line; reader.next(line);) detector.read(line);
  return detector.finish();
}

std::optional<CrashFinding> worst(const std::vector<CrashFinding>& findings) {
  if (findings.empty()) return std::nullopt;
  const auto fatal = std::ranges::find_if(findings, [](const CrashFinding& f) { return !crash::is_warning(f.kind); });
  return fatal != findings.end() ? *fatal : findings.front();
}

}  // namespace holdfast
