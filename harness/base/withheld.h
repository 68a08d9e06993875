// Which variables of the environment are nobody's but this program's?
//
// A secret that an inventory takes from the environment would otherwise be in that of every ssh, QEMU, git and compiler
// that is started, where any of these, and whatever they start, could pass it on.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace holdfast {

/// From here on no child gets the variable, unless its Command's `env` has it. For good. Thread-safe.
void withhold_variable(std::string name);
bool is_withheld(std::string_view name);
/// Those of them that are set, with their values: for a child that is this program itself.
std::map<std::string, std::string> withheld_variables();

}  // namespace holdfast
