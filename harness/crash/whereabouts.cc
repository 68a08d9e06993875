// Which kernel, and which phase of the case, does a message belong to?
#include "harness/crash/whereabouts.h"

#include <algorithm>
#include <charconv>

namespace holdfast::crash {
namespace {

/// CPUs that print at once put their messages in the log out of order, by microseconds; a new kernel's clock begins
/// anew.
constexpr double kBackwards = 0.5;

double seconds(std::string_view time) {
  double value = 0;
  std::from_chars(time.data(), time.data() + time.size(), value);
  return value;
}

}  // namespace

bool Whereabouts::pass(const LogLine& line) {
  bool power_on = false;
  for (; next_ < marks_.size() && marks_[next_].offset <= line.offset; ++next_) {
    const LogMark& mark = marks_[next_];
    phase_ = mark.phase;
    if (mark.start == LogMark::Start::kPowerOn) {
      power_on = true;
      kernel_ = 0;
      kexec_due_ = false;
      time_ = 0;
    }
    if (mark.start == LogMark::Start::kKexec) {
      kexec_due_ = true;
      since_kexec_ = mark.since;
    }
    if (mark.start != LogMark::Start::kNone) banner_due_ = true;
    if (mark.kernel > kernel_) {
      kernel_ = mark.kernel;
      kexec_due_ = false;
      time_ = 0;
    }
    time_ = std::max(time_, mark.uptime);
  }
  if (line.time.empty()) return power_on;
  const double now = seconds(line.time);
  if (kexec_due_ && (now + kBackwards < time_ || began_since_kexec(line, now))) {
    ++kernel_;
    kexec_due_ = false;
  }
  time_ = now;
  return power_on;
}

/// However young the old kernel was: its clock shows more than the time that has gone since it was to leave, unless its
/// message came later than the kernel was old.
bool Whereabouts::began_since_kexec(const LogLine& line, double now) const {
  if (!since_kexec_) return false;
  const auto since = since_kexec_(line.offset);
  return since && now <= *since;
}

bool Whereabouts::banner_was_due() {
  if (!banner_due_) return false;
  banner_due_ = false;
  if (kexec_due_) ++kernel_;
  kexec_due_ = false;
  return true;
}

}  // namespace holdfast::crash
