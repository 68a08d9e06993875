// What did the user ask about a patch series?
#pragma once

#include <filesystem>
#include <string>

#include "harness/options/bisect_options.h"

namespace holdfast {

struct SeriesOptions {
  CaseOnTree what;
  std::string base;            ///< empty: what the mails or the range say
  std::filesystem::path mbox;  ///< or `range`
  std::string range;           ///< "A..B"
  bool tip = false;            ///< base and tip alone
  int confirm = 1;
  bool keep_kernels = false;
  std::filesystem::path junit;  ///< a further copy, or empty
};

}  // namespace holdfast
