// What did the kernels of one case report about themselves, on the console and in their logs?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/crash/allowance.h"
#include "harness/crash/crash.h"
#include "harness/crash/expected_panic.h"
#include "harness/target.h"
#include "harness/timeouts.h"

namespace holdfast {

/// A finding that the ignore list lets pass, and the entry that does.
struct Allowed {
  CrashFinding finding;
  Allowance by;
};

/// Each event once, in the order of the kernels and of their logs.
struct CrashReports {
  std::vector<CrashFinding> findings;
  std::vector<Allowed> allowed;
};

/// Follows one case: which phase began where on the console, which kernel runs, what its log says. The console repeats
/// what the logs say, but has the last words of a kernel that left: what both have is one event. Not thread-safe.
class CrashWatch {
 public:
  /// `console` outlives the watch.
  CrashWatch(const Console& console, std::vector<Allowance> allowances)
      : console_(console), allowances_(std::move(allowances)) {}

  /// kBoot is the switching on of the power, kKexec the request for a kexec. When after that another phase than kWait
  /// begins in a kernel that has not been announced, the kexec was refused and the old kernel goes on.
  void phase_begins(Phase phase);
  /// The kernel that was due answers; its clock has gone so far at least.
  void kernel_is_up(Millis uptime);
  /// The log of the kernel that runs has grown by `text`.
  void log_grew(std::string_view text);

  /// From here on until panic_is_over() a panic with these words is asked for: one is no finding.
  void expect_panic(std::string text);
  void panic_is_over();
  /// The title of the panic that was asked for last, if it has come.
  std::optional<std::string> expected_panic() const;

  /// Everything so far.
  CrashReports look() const;
  /// The console of the kernel that runs, or is on its way.
  std::string words_of_this_kernel() const { return console_.slice(kernel_mark_); }

 private:
  struct KernelLog {
    int kernel = 0;
    std::string text;
    std::vector<LogMark> marks;
  };
  std::vector<CrashFinding> on_console() const;

  const Console& console_;
  std::vector<Allowance> allowances_;
  std::vector<LogMark> marks_;
  std::vector<ExpectedPanic> expected_;
  std::vector<KernelLog> logs_;
  int kernel_ = 0;
  Deadline::Clock::time_point clock_began_;  ///< of the kernel that runs
  bool due_ = false;                         ///< a kexec was asked for, and its kernel is not up
  Console::Mark kernel_mark_ = 0;            ///< what a kernel printed from its first byte on is its story
  std::string phase_;
  std::string log_since_;  ///< the phase in which the log was looked at last
};

/// A finding as evidence: where it belongs, then its lines. Of several with one fingerprint in one kernel the first.
std::vector<Evidence> evidence_of(const std::vector<CrashFinding>& findings);

/// "title (kernel B, phase: wait)".
std::string headline(const CrashFinding& finding);

/// The last part of a verdict's type. Firmware that came by is a reset like any other.
std::string verdict_kind(const CrashFinding& finding);

}  // namespace holdfast
