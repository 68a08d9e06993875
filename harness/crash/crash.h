// Does this console or kernel log show that the kernel crashed, and how?
//
// crash_lines.* turns raw console bytes into messages, crash_patterns.* says which message begins what, crash.cc puts
// the lines of one event together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// Something in a log that a sound kernel does not print.
struct CrashFinding {
  /// "oops", "panic", "bug", "warn", "lockdep", "kasan", "kmsan", "kcsan", "ubsan", "kfence", "hung-task",
  /// "soft-lockup", "hard-lockup", "rcu-stall", "firmware" (the machine's firmware came by after a kernel had been up)
  std::string kind;
  std::string title;        ///< first line, cleaned: "BUG: kernel NULL pointer dereference, address: 0000000000000010"
  std::string fingerprint;  ///< stable over addresses, CPUs and times: kind and the first frames
  std::string excerpt;      ///< the lines around it, cleaned, at most 60
  size_t offset = 0;        ///< byte offset of the first line in the log
};

/// All findings of a log, in order; one for each event (an oops that ends in a panic is one oops and one panic).
/// Survives ANSI escapes, NULs, cut lines and interleaved CPUs; linear in the size of `log`. Of a flood the first ten
/// with one fingerprint and the first two hundred of one kind are given, so that memory is bounded and no kind is
/// crowded out.
std::vector<CrashFinding> find_crashes(std::string_view log);

/// The one that says most about why a kernel died: the first that is not a warning (a kernel goes on after "warn",
/// "lockdep", "ubsan" and "kcsan"), else the first.
std::optional<CrashFinding> worst(const std::vector<CrashFinding>& findings);

}  // namespace holdfast
