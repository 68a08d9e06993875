// Where do the tests find what was built, and what they read?
#pragma once

#include <filesystem>
#include <string>

namespace holdfast {

/// The source tree.
std::filesystem::path source_dir();
/// The static agent program, as it was built beside the tests.
std::string agent_program();
/// The program that end-to-end tests drive.
std::string tested_program();

}  // namespace holdfast
