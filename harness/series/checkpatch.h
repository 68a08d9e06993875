// What does the kernel's own scripts/checkpatch.pl say of a patch?
#pragma once

#include <string>
#include <string_view>

#include "harness/kernel/work_tree.h"

namespace holdfast::series {

struct StyleCheck {
  bool ran = false;
  int errors = 0;
  int warnings = 0;
  std::string text = {};    ///< what it printed
  std::string reason = {};  ///< why it did not run
};

/// Runs the script that lies in `tree` now over the commit, as a mail. Errors: harness.stopped.
Result<StyleCheck> check_style(const WorkTree& tree, const std::string& commit, const Deadline& deadline);

/// Reads "total: 1 errors, 2 warnings, 30 lines checked". False when there is no such line.
bool read_totals(std::string_view text, StyleCheck& check);

}  // namespace holdfast::series
