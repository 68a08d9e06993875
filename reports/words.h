// What words and figures do all reports share?
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "harness/event.h"

namespace holdfast::reports {

using WallClock = std::chrono::system_clock;

/// "PASS", "FAIL", "ERROR", "SKIP", "FLAKY".
std::string_view label(Outcome outcome);

/// "5 passed, 1 failed, 0 errors, 2 skipped".
std::string sentence(const Tally& tally);

/// What the program's exit code tells, as a clause: "a kernel broke its promise".
std::string_view exit_meaning(int exit_code);

/// "3.250": seconds as JUnit wants them. A negative span is shown as zero.
std::string seconds(std::chrono::milliseconds span);
/// "0.1", "12.3": seconds for a reader.
std::string short_seconds(std::chrono::milliseconds span);
/// "3.2 s", "1 min 12 s", "2 h 5 min".
std::string duration(std::chrono::milliseconds span);

/// "power cycle, 1 min 12 s: healthy again; before it: ssh did not answer".
std::string sentence(const Recovery& recovery);

/// "2031-05-17T09:30:00Z".
std::string iso_utc(WallClock::time_point when);
/// What iso_utc wrote, or nothing.
std::optional<WallClock::time_point> from_iso_utc(std::string_view text);
/// "20310517T093000Z": sorts by time and is a file name everywhere.
std::string folder_stamp(WallClock::time_point when);

/// " on metal-2" for an attempt that was made on another target than planned; else nothing.
std::string elsewhere(const Where& where, const std::string& planned_on);

/// The last part of `text`, at most `limit` bytes, beginning at the start of a line and a character where it can. The
/// number of bytes left out comes in front in a line of its own, with `whole` saying where all of it is.
std::string capped_tail(std::string_view text, size_t limit, std::string_view whole);

}  // namespace holdfast::reports
