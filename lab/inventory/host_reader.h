// What does a [[host]] table say?
#pragma once

#include "lab/host.h"
#include "lab/inventory/toml_table.h"

namespace holdfast::lab {

/// One [[host]], with everything below it. Errors: harness.usage with file:line:column.
Result<Host> read_host(const Table& table);

}  // namespace holdfast::lab
