// How is a long-running program watched while it writes its log?
#pragma once

#include <filesystem>
#include <functional>

#include "harness/base/deadline.h"
#include "harness/base/process.h"

namespace holdfast {

/// Runs `command` to its end with both output streams going to `log` (appended to), and calls `tick` about twice a
/// second. Errors: lab.exec, lab.timeout, harness.stopped; the program and its group are gone by then.
Result<ExitStatus> run_followed(Command command, const std::filesystem::path& log, const Deadline& deadline,
                                const std::function<void()>& tick);

}  // namespace holdfast
