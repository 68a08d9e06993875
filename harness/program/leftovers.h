// What did runs leave behind that died, in all the places where holdfast makes something?
#pragma once

#include <vector>

#include "harness/leftover.h"
#include "harness/options.h"
#include "harness/program/machines.h"
#include "harness/program/program.h"

namespace holdfast {

/// On this computer: virtual machines, devices that are still with vfio-pci, leases, temporary folders, half-made parts
/// of the cache; and runs that can be resumed, which nobody removes. Looks only, takes a part of a second. What belongs
/// to a living process is not among them.
std::vector<Leftover> find_leftovers(const lab::Inventory& inventory, const CheckOptions& options);

/// Of the lab's hosts among `machines`: one that a dead run held, or that is not in its own system. Asks each host, for
/// up to minutes; a host that somebody holds is left alone. Errors: lab.io.
Result<std::vector<Leftover>> find_left_hosts(const std::vector<Machine>& machines, const lab::Inventory& inventory,
                                              Program& program);

}  // namespace holdfast
