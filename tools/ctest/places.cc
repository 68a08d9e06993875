// Where do the tests find what was built, and what they read? The one file of the tests that is compiled anew in each
// place, since the build writes its paths into it.
#include "tools/ctest/places.h"

namespace holdfast {

std::filesystem::path source_dir() { return HOLDFAST_SOURCE_DIR; }
std::string agent_program() { return HOLDFAST_AGENT; }
std::string tested_program() { return HOLDFAST_PROGRAM; }

}  // namespace holdfast
