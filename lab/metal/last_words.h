// Does a console show that the kernel on its way to its agent will never get there?
#pragma once

#include <optional>
#include <string_view>

#include "harness/crash/crash.h"

namespace holdfast::lab {

/// What a console said since a kexec was asked for.
struct LastWords {
  std::optional<CrashFinding> fatal;    ///< a panic, a reset, firmware: the machine has left the case
  std::optional<CrashFinding> serious;  ///< an oops and the like: it may go on, or never come
};

/// The verdict itself is not made here: the case's diagnosis reads the whole console. A panic that was asked for by
/// sysrq is none: a kernel for the crash may take over. `console` begins with the boot, where a kexec was asked for
/// too; what stands before `asked` is known, and is there so that firmware is told from what a boot begins with.
LastWords last_words(std::string_view console, size_t asked = 0);

}  // namespace holdfast::lab
