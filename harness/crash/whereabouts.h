// Which kernel, and which phase of the case, does a message belong to?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/crash/crash.h"
#include "harness/crash/crash_lines.h"

namespace holdfast::crash {

/// Follows a log along its marks.
class Whereabouts {
 public:
  explicit Whereabouts(std::vector<LogMark> marks) : marks_(std::move(marks)) {}

  /// Takes notice of the next message. True when the power was switched on before it: what went before is another
  /// story.
  bool pass(const LogLine& line);
  /// Whether a kernel's banner, just passed, was due; it is then no longer.
  bool banner_was_due();
  /// A kernel that panicked, or firmware that came by, explains the next banner.
  void expect_banner() { banner_due_ = true; }

  const std::string& phase() const { return phase_; }
  int kernel() const { return kernel_; }

 private:
  bool began_since_kexec(const LogLine& line, double now) const;

  std::vector<LogMark> marks_;
  size_t next_ = 0;  ///< the first mark that was not passed
  std::string phase_;
  int kernel_ = 0;
  bool kexec_due_ = false;  ///< asked for, and no sign of the next kernel yet
  SinceMark since_kexec_;
  bool banner_due_ = true;
  double time_ = 0;  ///< of the last message that had one
};

}  // namespace holdfast::crash
