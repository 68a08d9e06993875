// How does the agent answer when its link is gone?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/agent/occupation.h"

namespace holdfast::agent {

/// The answer to a line of the console; nothing when it is no roll call. Of an agent that is busy it also says where
/// the program's first thread waits.
std::optional<std::string> answer_to(std::string_view line, const Occupation& occupation);

/// Reads lines from `console` and answers there, until stopped. A console that ends or fails is tried again now and
/// then. Ends the program when the kernel has ended its first thread, which serves: else an oops would be a silence.
void answer_roll_calls(int console, const Occupation& occupation, const Stop& stop);

}  // namespace holdfast::agent
