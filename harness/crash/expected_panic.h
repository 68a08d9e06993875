// Which panic was asked for?
#pragma once

#include <string>
#include <vector>

#include "harness/crash/crash.h"

namespace holdfast {

/// A stretch of console in which a kernel is to panic, once, with these words.
struct ExpectedPanic {
  std::string text;
  size_t from = 0;
  size_t to = static_cast<size_t>(-1);
};

/// The first finding that is the panic that was asked for; `findings.end()` when it has not come.
std::vector<CrashFinding>::iterator find_expected(std::vector<CrashFinding>& findings, const ExpectedPanic& panic);

/// Takes the first panic of each stretch that was asked for out of the findings of a console.
void forgive(std::vector<CrashFinding>& findings, const std::vector<ExpectedPanic>& expected);

}  // namespace holdfast
