// What does the plan need to know of the targets that an inventory declares?
#pragma once

#include <string_view>
#include <vector>

#include "harness/case_registry.h"
#include "harness/checkup.h"
#include "harness/plan.h"
#include "lab/inventory/inventory.h"

namespace holdfast::lab {

/// One profile for each host, then one for each virtual machine, in the order of the inventory.
///
/// A host's traits are "metal" and its tags; cases that want "emulated" or "hot-plug" are skipped on it, and those that
/// want "bus-numbers-can-move" unless it has that as a tag: whether they can is a matter of how the host is built. Its
/// devices have the traits that the inventory lists. A device that is named by its ids has no `bdf` yet: the plan knows
/// it by its role, and whoever makes the host ready for a case fills the address in. One case at a time.
///
/// A virtual machine has the traits and devices of the built-in one, its tags, and as many slots as this computer
/// bears. Where it has devices of this machine those come first, as declared, without addresses; it runs one case at a
/// time, and without emulated devices it has no traits but its tags.
std::vector<TargetProfile> profiles(const Inventory& inventory);

/// Null when there is none of that name. The pointer is into the inventory.
const Host* find_host(const Inventory& inventory, std::string_view name);
const VirtualMachine* find_vm(const Inventory& inventory, std::string_view name);

/// Can a run use the host as it is declared? Looks at this computer only: secrets, programs, files, and words that no
/// case of `cases` knows. The host itself is not touched.
std::vector<Finding> check_declaration(const Host& host, const std::vector<CaseInfo>& cases);

}  // namespace holdfast::lab
