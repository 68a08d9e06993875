// What words and figures do all reports share?
#include "reports/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace holdfast::reports {

using std::chrono::milliseconds;

namespace {

std::tm utc(WallClock::time_point when) {
  const std::time_t seconds_since_epoch = WallClock::to_time_t(when);
  std::tm fields = {};
  if (::gmtime_r(&seconds_since_epoch, &fields) == nullptr) std::abort();
  return fields;
}

}  // namespace

std::string_view label(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "PASS";
    case Outcome::kFailed:
      return "FAIL";
    case Outcome::kError:
      return "ERROR";
    case Outcome::kSkipped:
      return "SKIP";
    case Outcome::kFlaky:
      return "FLAKY";
  }
  std::abort();
}

std::string sentence(const Tally& tally) {
  return fmt::format("{} passed, {} failed, {} {}, {} skipped", tally.passed, tally.failed, tally.errors,
                     tally.errors == 1 ? "error" : "errors", tally.skipped);
}

std::string_view exit_meaning(int exit_code) {
  switch (exit_code) {
    case 0:
      return "every case that ran has passed";
    case 1:
      return "a kernel broke its promise";
    case 2:
      return "the lab or the harness failed, so not every case was judged";
    case 3:
      return "nothing ran";
    case 4:
      return "every case was skipped";
    case 130:
      return "interrupted; the cases that were not settled are not in the report";
    default:
      return "no meaning is known for this code";
  }
}

std::string seconds(milliseconds span) {
  const auto count = std::max<milliseconds::rep>(0, span.count());
  return fmt::format("{}.{:03}", count / 1000, count % 1000);
}

std::string short_seconds(milliseconds span) {
  // Tenths are counted in integers: rounding a double would show 0.05 as 0.1 in one place and 0.0 in another.
  const auto tenths = std::max<milliseconds::rep>(0, span.count()) / 100 +
                      (std::max<milliseconds::rep>(0, span.count()) % 100 >= 50 ? 1 : 0);
  return fmt::format("{}.{}", tenths / 10, tenths % 10);
}

std::string duration(milliseconds span) {
  const auto whole = std::max<milliseconds::rep>(0, span.count()) / 1000;
  if (whole < 60) return short_seconds(span) + " s";
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string sentence(const Recovery& recovery) {
  const std::string_view came_of_it = recovery.ok ? "healthy again; before it: " : "no help: ";
  return fmt::format("{}, {}: {}{}", recovery.rung, duration(recovery.took), came_of_it, recovery.why);
}

std::string elsewhere(const Where& where, const std::string& planned_on) {
  return where.target == planned_on ? std::string() : " on " + where.target;
}

std::string iso_utc(WallClock::time_point when) {
  const std::tm at = utc(when);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour,
                     at.tm_min, at.tm_sec);
}

std::optional<WallClock::time_point> from_iso_utc(std::string_view text) {
  std::tm at = {};
  const std::string terminated(text);
  const char* end = ::strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%SZ", &at);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return WallClock::from_time_t(::timegm(&at));
}

std::string folder_stamp(WallClock::time_point when) {
  std::string stamp = iso_utc(when);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return stamp;
}

std::string capped_tail(std::string_view text, size_t limit, std::string_view whole) {
  if (text.size() <= limit) return std::string(text);
  std::string_view tail = text.substr(text.size() - limit);
  // Begin with a whole line, unless the tail is one long line; never in the middle of a UTF-8 sequence.
  const size_t newline = tail.find('\n');
  if (newline != std::string_view::npos && newline + 1 < tail.size()) {
    tail.remove_prefix(newline + 1);
  } else {
    while (!tail.empty() && (static_cast<unsigned char>(tail.front()) & 0xC0U) == 0x80) tail.remove_prefix(1);
  }
  return fmt::format("[{} of {} bytes left out here{}{}]\n{}", text.size() - tail.size(), text.size(),
                     whole.empty() ? "" : "; all of it: ", whole, tail);
}

}  // namespace holdfast::reports
