// Does this console or kernel log show that the kernel crashed, and how?
//
// Message by message: one that begins a crash opens a report; those that follow from the same caller belong to it until
// its own last line, the next beginning, or a limit. Where the kernel names callers, the reports of several CPUs grow
// side by side. A report that is complete becomes a finding, unless the log is flooded with its like.
//
// A banner that no kexec, power-on, firmware or panic explains says that the kernel started anew by itself. A log that
// is printed a second time (by a console that is registered late, or by dmesg) has the banner twice as well: its first
// message after time 0 has the very same time as the first time.
#include "harness/crash/crash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <utility>

#include "harness/base/text.h"
#include "harness/crash/crash_lines.h"
#include "harness/crash/crash_patterns.h"
#include "harness/crash/whereabouts.h"

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
constexpr std::string_view kStartedAnew = "the kernel started anew, unasked and without firmware";
constexpr size_t kInterruptedBytes = size_t{8} << 10;  ///< farther apart, two lines are not of one report
constexpr size_t kLongestLine = size_t{64} << 10;      ///< of one that does not end, as much is waited for

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

bool is_halt(std::string_view text) { return text.starts_with(" -- System halted"); }

}  // namespace

/// Reads one log.
class CrashScan::Detector {
 public:
  explicit Detector(std::vector<LogMark> marks) : whereabouts_(std::move(marks)) {}
  void read(const LogLine& line);
  std::vector<CrashFinding> finish();

 private:
  void see_power_on();
  bool firmware(const LogLine& line);
  void watch_for_restart(const LogLine& line);
  void read_message(const LogLine& line);
  bool continues(const Report& report, std::string_view kind, const LogLine& line) const;
  void interrupt(std::list<Report>::iterator report, const LogLine& line);
  bool ends_interrupted(std::string_view kind, const LogLine& line);
  void open(std::string_view kind, const LogLine& line) { open_.push_back(begin(kind, line)); }
  Report begin(std::string_view kind, const LogLine& line);
  static void append(Report& report, const LogLine& line);
  void close(std::list<Report>::iterator report);
  void keep(Report& report);
  std::list<Report>::iterator report_of(const LogLine& line);

  crash::Whereabouts whereabouts_;
  std::list<Report> open_;
  std::optional<Report> restart_;  ///< a banner that was not due, until it is clear whether the log is only repeated
  std::optional<size_t> interrupted_;  ///< where a report stands that another CPU's cut off before its "Oops: ... [#1]"
  std::string first_words_;            ///< of the kernel that runs: its first message with a time that is not 0
  Recent recent_;
  bool stamps_seen_ = false;
  bool kernel_up_ = false;
  bool firmware_seen_ = false;
  bool panicked_ = false;  ///< since the last firmware
  std::vector<CrashFinding> findings_;
  std::map<std::string, size_t, std::less<>> per_fingerprint_;
  std::map<std::string, size_t, std::less<>> kept_of_kind_;
};

namespace {
void add_to_excerpt(Report& report, std::string_view text) {
  if (report.excerpt_lines >= kExcerptLines) return;
  ++report.excerpt_lines;
  report.finding.excerpt += printable(text.substr(0, kExcerptWidth));
  report.finding.excerpt += '\n';
}

}  // namespace

std::list<Report>::iterator CrashScan::Detector::report_of(const LogLine& line) {
  const auto own = std::ranges::find_if(
      open_, [&](const Report& report) { return report.caller == line.caller && (line.stamped || !report.stamped); });
  if (own != open_.end() || !line.text.starts_with("NMI backtrace for cpu ")) return own;
  // One CPU found another stuck, and now the stuck one says where: the report goes on under its name.
  const auto stalled = std::ranges::find_if(open_, [](const Report& report) {
    const std::string& kind = report.finding.kind;
    return report.frames.empty() && (kind == "hard-lockup" || kind == "soft-lockup" || kind == "rcu-stall");
  });
  if (stalled != open_.end()) stalled->caller = line.caller;
  return stalled;
}

/// The second line of the same event: "BUG: unable to handle..." and "kernel BUG at..." come before "Oops: ... [#1]",
/// DEBUG_LOCKS_WARN_ON(...) before the WARNING that carries it.
bool CrashScan::Detector::continues(const Report& report, std::string_view kind, const LogLine& line) const {
  if (!report.frames.empty() && report.finding.kind != "kasan") return false;
  if (kind == "oops" && line.text.find(" [#") != std::string_view::npos) {
    const std::string& first = report.finding.kind;
    return !report.died && (first == "oops" || first == "bug" || first == "kasan");
  }
  return kind == "warn" && report.finding.title.starts_with("DEBUG_LOCKS_WARN_ON") && report.lines <= 2;
}

/// Closes a report because another begins. Where the kernel names no callers, that may be another CPU's, and the rest
/// of this one is still to come.
void CrashScan::Detector::interrupt(std::list<Report>::iterator report, const LogLine& line) {
  const std::string& kind = report->finding.kind;
  const bool more_to_come = !report->died && (kind == "oops" || kind == "bug" || kind == "kasan");
  if (more_to_come && line.caller.empty()) interrupted_ = report->finding.offset;
  close(report);
}

/// Whether this is the second line of an oops whose first line was told of already.
bool CrashScan::Detector::ends_interrupted(std::string_view kind, const LogLine& line) {
  if (kind != "oops" || !interrupted_ || line.text.find(" [#") == std::string_view::npos) return false;
  const bool near = line.caller.empty() && line.offset - *interrupted_ < kInterruptedBytes;
  interrupted_.reset();
  return near;
}

Report CrashScan::Detector::begin(std::string_view kind, const LogLine& line) {
  while (open_.size() >= kOpenReports) close(open_.begin());
  Report report;
  report.finding.kind = kind;
  report.finding.title = printable(trim(line.text.substr(0, kExcerptWidth)));
  report.finding.offset = line.offset;
  report.finding.time = line.time;
  report.finding.phase = whereabouts_.phase();
  report.finding.kernel = whereabouts_.kernel();
  report.caller = line.caller;
  report.stamped = line.stamped;
  const std::vector<std::string> context = recent_.before(line);
  for (const std::string& before : context) add_to_excerpt(report, before);
  // The decompressor says what is wrong first, then that it gives up.
  if (is_halt(line.text) && !context.empty())
    report.finding.title = printable(trim(context.back())) + " -- System halted";
  if (const auto function = crash::function_in_title(line.text); !function.empty())
    report.frames.emplace_back(function);
  append(report, line);
  return report;
}

void CrashScan::Detector::append(Report& report, const LogLine& line) {
  ++report.lines;
  add_to_excerpt(report, line.text);
  if (line.text.find(" [#") != std::string_view::npos) report.died = true;
  // Lockdep shows where the locks were taken before; what tells one report from another is where this one was.
  if (line.text.starts_with("stack backtrace:")) report.frames.clear();
  if (report.frames.size() >= kFrames) return;
  const std::string_view frame = crash::frame_of(line.text);
  if (!frame.empty() && (report.frames.empty() || report.frames.back() != frame)) report.frames.emplace_back(frame);
}

void CrashScan::Detector::close(std::list<Report>::iterator report) {
  keep(*report);
  open_.erase(report);
}

void CrashScan::Detector::keep(Report& report) {
  CrashFinding& finding = report.finding;
  const std::string_view title = finding.kind == "reset" ? kStartedAnew : std::string_view(finding.title);
  finding.fingerprint = crash::fingerprint(finding.kind, title, report.frames);
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
}

void CrashScan::Detector::see_power_on() {
  while (!open_.empty()) close(open_.begin());
  if (restart_) keep(*restart_);
  restart_.reset();
  first_words_.clear();
  kernel_up_ = false;
  firmware_seen_ = false;
  panicked_ = false;
}

/// Firmware prints on the way to the first kernel; after one was up, it says that the machine was reset.
bool CrashScan::Detector::firmware(const LogLine& line) {
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
  whereabouts_.expect_banner();
  first_words_.clear();
  return true;
}

void CrashScan::Detector::watch_for_restart(const LogLine& line) {
  if (crash::is_banner(line, stamps_seen_)) {
    if (restart_) keep(*restart_);
    restart_.reset();
    if (whereabouts_.banner_was_due()) {
      first_words_.clear();
    } else {
      restart_ = begin("reset", line);
      restart_->finding.title = fmt::format("{}: {}", kStartedAnew, restart_->finding.title);
    }
    return;
  }
  if (restart_) append(*restart_, line);
  if (line.time.empty() || line.time == "0.000000") return;
  if (restart_) {
    const bool repeated = first_words_ == fmt::format("{} {}", line.time, line.text);
    if (!repeated) keep(*restart_);
    if (!repeated) first_words_.clear();
    restart_.reset();
  }
  if (first_words_.empty()) first_words_ = fmt::format("{} {}", line.time, line.text);
}

void CrashScan::Detector::read(const LogLine& line) {
  stamps_seen_ = stamps_seen_ || line.stamped;
  if (whereabouts_.pass(line)) see_power_on();
  if (!firmware(line)) {
    kernel_up_ = kernel_up_ || line.stamped || crash::is_banner(line, stamps_seen_);
    watch_for_restart(line);
    read_message(line);
  }
  recent_.add(line);
}

void CrashScan::Detector::read_message(const LogLine& line) {
  auto report = report_of(line);
  const std::string_view kind = crash::kind_of(line, stamps_seen_);
  if (!kind.empty()) {
    panicked_ = panicked_ || kind == "panic";
    if (kind == "panic") whereabouts_.expect_banner();
    if (report != open_.end() && (continues(*report, kind, line) || ends_interrupted(kind, line))) {
      append(*report, line);
    } else {
      if (report != open_.end()) interrupt(report, line);
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
    whereabouts_.expect_banner();
    open("panic", first);
    close(std::prev(open_.end()));
  }
}

std::vector<CrashFinding> CrashScan::Detector::finish() {
  while (!open_.empty()) close(open_.begin());
  if (restart_) keep(*restart_);
  restart_.reset();
  std::ranges::stable_sort(findings_, {}, &CrashFinding::offset);
  return std::move(findings_);
}

CrashScan::CrashScan(std::vector<LogMark> marks) : detector_(std::make_unique<Detector>(std::move(marks))) {}
CrashScan::CrashScan(CrashScan&&) noexcept = default;
CrashScan::~CrashScan() = default;

void CrashScan::feed(std::string_view bytes) {
  // Whole lines are read where they lie; only one that is cut is kept until its rest comes.
  const auto read = [this](std::string_view lines) {
    crash::LineReader reader(lines, at_);
    for (LogLine line; reader.next(line);) detector_->read(line);
    at_ += lines.size();
  };
  if (!begun_.empty()) {
    const size_t rest = std::min(bytes.find('\n'), bytes.size());
    begun_ += bytes.substr(0, rest + 1);
    bytes.remove_prefix(std::min(rest + 1, bytes.size()));
    if (!begun_.ends_with('\n') && begun_.size() < kLongestLine) return;
    read(begun_);
    begun_.clear();
  }
  const size_t last = bytes.rfind('\n');
  const size_t whole = last == std::string_view::npos ? 0 : last + 1;
  read(bytes.substr(0, whole));
  begun_ = bytes.substr(whole);
}

std::vector<CrashFinding> CrashScan::finish() {
  feed("\n");
  return detector_->finish();
}

std::vector<CrashFinding> find_crashes(std::string_view log, std::vector<LogMark> marks) {
  CrashScan scan(std::move(marks));
  scan.feed(log);
  return scan.finish();
}

std::optional<CrashFinding> worst(const std::vector<CrashFinding>& findings) {
  if (findings.empty()) return std::nullopt;
  const auto fatal = std::ranges::find_if(findings, [](const CrashFinding& f) { return !is_warning(f); });
  return fatal != findings.end() ? *fatal : findings.front();
}

bool is_warning(const CrashFinding& finding) { return crash::is_warning(finding.kind); }

std::string kernel_name(int kernel) {
  if (kernel <= 0) return "A";
  return kernel == 1 ? "B" : fmt::format("B, after {} kexecs", kernel);
}

}  // namespace holdfast
