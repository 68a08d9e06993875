// How does an event become a line of text, and a line an event?
//
// One JSON object per line: {"event": "case-started", "where": {...}}. The same lines go from a case's process to the
// controller and into the journal.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/event.h"

namespace holdfast {

/// A line longer than this, without its newline, is refused by decode_event.
inline constexpr size_t kEventLineLimit = size_t{64} << 20;

/// One line without a newline at its end. All text goes through printable(), so the line is valid UTF-8 whatever a
/// console put into a message; what was not printable comes back as its escape.
std::string encode(const Event& event);

/// The name of the event in a line that encode() wrote, also behind the time that a journal puts in front, without
/// reading all of it. Empty when it does not stand there: then decode_event() knows.
std::string_view told_name(std::string_view line);

/// Every member of the event must be there with the right type; unknown members are ignored, so that a newer program
/// may say more. Never throws. Errors: harness.event, naming the member.
Result<Event> decode_event(std::string_view line);

}  // namespace holdfast
