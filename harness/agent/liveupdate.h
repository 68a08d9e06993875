// Who has /dev/liveupdate?
#pragma once

#include <string>

#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// Opens /dev/liveupdate, which can be open once. Errors: the kernel's; EBUSY names the holder.
Result<Fd> open_liveupdate();

/// "pid 1 (systemd)" for who has it open; empty when nobody that can be seen has.
std::string liveupdate_holder();

}  // namespace holdfast::agent
