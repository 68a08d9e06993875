// Which leases has a process of this computer left that is gone?
#pragma once

#include <filesystem>
#include <vector>

#include "harness/leftover.h"
#include "lab/lease/lease.h"

namespace holdfast::lab {

/// Those in the folder of leases. What a holder on another computer does cannot be told by looking once, so such leases
/// are left to expire, as are those from before a restart of this one. A host's stays, for whoever takes the host over:
/// it alone says that a test kernel's host key is to be expected there.
std::vector<Leftover> left_leases(const std::filesystem::path& folder, const LeaseTiming& timing, const Owner& self);

/// Whether the holder of this place is a process of this computer that is gone.
bool is_left(const LeasePlace& place, const Owner& self);

}  // namespace holdfast::lab
