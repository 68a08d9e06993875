// What does a [[vm]] table say?
#pragma once

#include "lab/inventory/inventory.h"
#include "lab/inventory/toml_table.h"

namespace holdfast::lab {

/// One [[vm]], with its devices. Errors: harness.usage with file:line:column.
Result<VirtualMachine> read_vm(const Table& table);

}  // namespace holdfast::lab
