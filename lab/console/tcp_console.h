// How is a terminal server's port a console?
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lab/console/console_source.h"

namespace holdfast::lab {

/// A raw TCP port: every byte is the console's. Errors: lab.console-lost, harness.stopped.
Result<std::unique_ptr<ConsoleSource>> open_tcp(const std::string& address, uint16_t port, const Deadline& deadline);

}  // namespace holdfast::lab
