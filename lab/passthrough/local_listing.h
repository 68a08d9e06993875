// How are the devices of the harness's own machine shown?
#pragma once

#include "harness/listing.h"
#include "lab/passthrough/local_machine.h"

namespace holdfast::lab {

/// One row for each function, with the first reason against it; all reasons and notes are in the JSON.
Listing list_local_devices(const LocalMachine& machine);

}  // namespace holdfast::lab
