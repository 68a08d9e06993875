// What came of a patch series, to look at?
#pragma once

#include <filesystem>
#include <string>

#include "harness/series/findings.h"

namespace holdfast::reports {

/// One HTML file that loads nothing: the headline, a table of the patches, the matrix of patches and cases, what
/// changed where, and for each patch its warnings and what git, the compiler and checkpatch printed. `page_folder` is
/// where it will lie: the runs' own reports are linked from there.
std::string series_page(const series::Study& study, const std::filesystem::path& page_folder);

}  // namespace holdfast::reports
