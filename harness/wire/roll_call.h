// How is the agent asked on the console whether it is there, when its link is silent?
#pragma once

#include <string>
#include <string_view>

namespace holdfast::wire {

/// What the controller writes to the console, with a nonce and a line's end behind it. The terminal may echo it: the
/// answer therefore begins otherwise.
inline constexpr std::string_view kRollCall = "holdfast-roll-call ";
/// A longer one is none that a controller made.
inline constexpr size_t kLongestNonce = 32;

/// How the answer to this nonce begins; what the agent does follows, and kRollAnswerEnd.
inline std::string roll_answer(std::string_view nonce) { return "holdfast-agent: here " + std::string(nonce) + ", "; }
inline constexpr std::string_view kRollAnswerEnd = ".";
/// What an agent does that waits for the next request.
inline constexpr std::string_view kIdle = "idle";
/// What an agent does that is not in the kernel, and has no link yet over which a request could come.
inline constexpr std::string_view kComingUp = "coming up";

}  // namespace holdfast::wire
