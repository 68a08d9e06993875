// How is sysfs read, and which PCI functions does a place in it go through?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

/// Is this an address as sysfs writes it, "0000:03:00.0"? What comes from outside becomes a path only if so.
bool is_bdf(std::string_view text);
/// The file's text without the newline at its end; empty when it cannot be read.
std::string read_line(const std::filesystem::path& file);
/// The last part of what a symbolic link points to; empty when there is no such link.
std::string link_name(const std::filesystem::path& link);
/// The names in a folder, ordered; none when it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder);
/// The addresses among the parts of `place` once its links are followed, from the root on: the ports that a device is
/// behind, and last the function itself. None when there is no such place.
std::vector<std::string> bdfs_on_the_way(const std::filesystem::path& place);

}  // namespace holdfast
