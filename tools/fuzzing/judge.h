// Does a reader bear these bytes? Without libFuzzer: in the process that asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {

/// A thousand times what any seed takes.
inline constexpr Millis kTooLong{20'000};

/// Empty when the reader was done before `limit` and kept nothing of the bytes; else what was wrong. A crash is a crash
/// of this process. How much was kept is known only where a sanitizer counts what is allocated.
std::string complaint_about(const Target& target, std::string_view bytes, Millis limit = kTooLong);

/// A few bytes changed, as `number` says: the same for the same number. `other` is a further input to take pieces of.
std::string mutated(std::string bytes, std::string_view other, uint64_t number);

}  // namespace holdfast::fuzzing
