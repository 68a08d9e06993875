// Does a word of the inventory have the form that it must have, wherever it is used later on?
//
// Names become folders and words of command lines, addresses and users are handed to ssh and ipmitool, paths on a host
// go through its shell: what could be taken for something else there is refused here, at its place in the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/inventory/toml_table.h"

namespace holdfast::lab {

/// Letters, digits, '.', '_', '-', at most 64, beginning with a letter, digit or '_'. Must be there.
Result<std::string> read_name(const Table& table, std::string_view key);
/// A list of such names, no one twice. May be absent.
Result<std::vector<std::string>> read_names(const Table& table, std::string_view key);

/// A host name or an IP address. Must be there.
Result<std::string> read_address(const Table& table);
Result<uint16_t> read_port(const Table& table, uint16_t otherwise);
Result<std::string> read_user(const Table& table, std::string_view otherwise);

/// "0000:03:00.0", whichever way it was written. `at` is where it stands.
Result<std::string> parse_bdf(std::string_view text, std::string_view at);

/// An absolute path on the host, of letters, digits, '.', '_', '-' and '/'. Must be there.
Result<std::filesystem::path> read_remote_path(const Table& table, std::string_view key);

/// A name of a kernel, or a path to one, which is made absolute. May be absent.
Result<std::string> read_kernel(const Table& table, std::string_view key);

Result<double> read_time_scale(const Table& table);

}  // namespace holdfast::lab
