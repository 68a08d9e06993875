// How deep is a JSON text nested? Asked before it is parsed: the library takes a tree apart, copies and prints it by
// recursion, so that a text of brackets alone would use up the stack.
#pragma once

#include <string_view>

namespace holdfast {

/// Whether lists and objects are nested deeper than `limit`, whatever else may be wrong with the text. Costs no more
/// than its length.
bool nests_deeper_than(std::string_view json, int limit);

}  // namespace holdfast
