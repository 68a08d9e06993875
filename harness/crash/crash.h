// Does this console or kernel log show that the kernel crashed, and how?
//
// crash_lines.* turns raw console bytes into messages, crash_patterns.* says which message begins what, whereabouts.*
// which kernel and phase a message belongs to, crash.cc puts the lines of one event together.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// Seconds that had gone since a mark when the byte at that offset came; nothing when that is not known.
using SinceMark = std::function<std::optional<double>(size_t offset)>;

/// What the caller knows of a log: from `offset` on, this is what was going on.
struct LogMark {
  enum class Start {
    kNone,     ///< no kernel is due to start
    kPowerOn,  ///< the power was switched on: firmware may come by, then a kernel starts
    kKexec,    ///< a kexec was asked for: a kernel starts, and no firmware comes by
  };
  size_t offset = 0;
  std::string phase;
  Start start = Start::kNone;
  int kernel = 0;     ///< runs for certain from here on: 0 is the first, each kexec makes one more
  double uptime = 0;  ///< seconds that the clock of that kernel has gone at least, if known
  SinceMark since = {};
};

/// Something in a log that a sound kernel does not print.
struct CrashFinding {
  /// "oops", "panic", "bug", "warn", "lockdep", "kasan", "kmsan", "kcsan", "ubsan", "kfence", "hung-task",
  /// "soft-lockup", "hard-lockup", "rcu-stall", "early-boot" (it died before it could handle an exception), "firmware"
  /// (the machine's firmware came by after a kernel had been up), "reset" (a second banner without a kexec and without
  /// firmware, which is what a triple fault looks like)
  std::string kind;
  std::string title;        ///< first line, cleaned: "BUG: kernel NULL pointer dereference, address: 0000000000000010"
  std::string fingerprint;  ///< stable over addresses, CPUs and times: kind and the first frames
  std::string excerpt;      ///< the lines around it, cleaned, at most 60
  size_t offset = 0;        ///< byte offset of the first line in the log
  std::string time;         ///< its time stamp, seconds since its kernel began: "12.345678"; or empty
  std::string phase;        ///< as the marks say; empty without marks
  int kernel = 0;           ///< 0 is the first; as the marks and the kernel's own clock say
};

/// Looks through a log that comes in pieces. Survives ANSI escapes, NULs, cut lines and interleaved CPUs; linear in the
/// size of the log. Of a flood the first ten with one fingerprint and the first two hundred of one kind are given, so
/// that memory is bounded and no kind is crowded out.
class CrashScan {
 public:
  /// `marks` in the order of their offsets. Without them one kernel is expected to start, at the beginning.
  explicit CrashScan(std::vector<LogMark> marks = {});
  CrashScan(CrashScan&&) noexcept;
  ~CrashScan();
  /// The next bytes; where one piece ends and another begins makes no difference.
  void feed(std::string_view bytes);
  /// All findings, in order; one for each event (an oops that ends in a panic is one oops and one panic).
  std::vector<CrashFinding> finish();

 private:
  class Detector;
  std::unique_ptr<Detector> detector_;
  std::string begun_;  ///< a line whose end has not come
  size_t at_ = 0;      ///< offset of what comes next, `begun_` included
};

/// All findings of a log that is there as a whole.
std::vector<CrashFinding> find_crashes(std::string_view log, std::vector<LogMark> marks = {});

/// The one that says most about why a kernel died: the first that is not a warning (a kernel goes on after "warn",
/// "lockdep", "ubsan" and "kcsan"), else the first.
std::optional<CrashFinding> worst(const std::vector<CrashFinding>& findings);

/// Whether a kernel goes on after it as if nothing had been: "warn", "lockdep", "ubsan", "kcsan".
bool is_warning(const CrashFinding& finding);

/// "A" for 0, "B" for 1, then "B, after 2 kexecs".
std::string kernel_name(int kernel);

}  // namespace holdfast
