// How can a host be reached, seen and switched: what does the inventory say?
#pragma once

#include "lab/host.h"
#include "lab/inventory/toml_table.h"

namespace holdfast::lab {

/// Where a secret is to be found. A secret that stands in the file itself is refused.
Result<SecretSource> read_secret_source(const TomlMember& member, const std::filesystem::path& folder);

/// [host.ssh] with its [host.ssh.jump].
Result<SshAccess> read_ssh(const Table& table);

/// One [[host.power]].
Result<PowerAccess> read_power(const Table& table);

/// [host.console]. One of type "sol" takes what it does not say of its BMC from the first of `power` that is IPMI.
Result<ConsoleAccess> read_console(const Table& table, const std::vector<PowerAccess>& power);

}  // namespace holdfast::lab
