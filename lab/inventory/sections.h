// Which keys may stand in which table of an inventory? The page lab/README.md tells what each one means.
#pragma once

#include "lab/inventory/toml_table.h"

namespace holdfast::lab::sections {

extern const Section kFile;     ///< what stands outside of all tables
extern const Section kAllow;    ///< [[allow]]
extern const Section kLeases;   ///< [leases]
extern const Section kVm;       ///< [[vm]]
extern const Section kPassed;   ///< [[vm.device]]
extern const Section kHost;     ///< [[host]]
extern const Section kSsh;      ///< [host.ssh]
extern const Section kJump;     ///< [host.ssh.jump]
extern const Section kConsole;  ///< [host.console]
extern const Section kPower;    ///< [[host.power]]
extern const Section kDevice;   ///< [[host.device]]
extern const Section kSecret;   ///< password = { ... }

/// All of them.
std::vector<const Section*> all();

}  // namespace holdfast::lab::sections
