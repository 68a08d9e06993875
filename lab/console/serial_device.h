// How is a serial device of this computer a console?
#pragma once

#include <filesystem>
#include <memory>

#include "lab/console/console_source.h"

namespace holdfast::lab {

/// Opened for nobody else, 8N1 without flow control: a console that is held up by its reader holds up the kernel.
/// Errors: lab.io with errno, harness.usage for a speed that Linux does not know.
Result<std::unique_ptr<ConsoleSource>> open_serial(const std::filesystem::path& device, unsigned baud);

}  // namespace holdfast::lab
