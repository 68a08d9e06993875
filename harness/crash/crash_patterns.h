// Which message begins a crash, which ends its report, and what makes two reports the same?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/crash/crash_lines.h"

namespace holdfast::crash {

/// The kind that begins with this message, or nothing. `log_is_stamped`: the log has shown time stamps, so a message
/// without one is user space talking.
std::string_view kind_of(const LogLine& line, bool log_is_stamped);

/// Whether this is what firmware or a boot loader prints, and nobody else.
bool is_firmware(std::string_view text);

/// Whether this is the first message of every kernel (init/version-timestamp.c, linux_banner).
bool is_banner(const LogLine& line, bool log_is_stamped);

/// Whether a kernel goes on after it as if nothing had been.
bool is_warning(std::string_view kind);

/// Whether the report of this kind ends with this message (which is its last).
bool ends_report(std::string_view kind, std::string_view text);

/// "---[ end Kernel panic - not syncing: text ]---" gives "Kernel panic - not syncing: text", all else nothing.
std::string_view panic_end(std::string_view text);

/// The function that a line of a stack trace, an instruction pointer or a title names, without offset and compiler
/// suffixes; empty for all other lines, for frames that the unwinder doubts and for functions that every report has.
std::string_view frame_of(std::string_view text);
/// The same for a report's first line: "... at foo+0x10/0x20, CPU#0 ..." gives "foo".
std::string_view function_in_title(std::string_view text);

/// Kind and frames, or kind and the title without its numbers when there are no frames.
std::string fingerprint(std::string_view kind, std::string_view title, const std::vector<std::string>& frames);

}  // namespace holdfast::crash
