// Which warnings does a lab know of and put up with?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/crash/crash.h"

namespace holdfast {

/// One entry of the ignore list.
struct Allowance {
  std::string kind = "warn";
  std::string title;   ///< glob over a finding's title, or a part of it
  std::string reason;  ///< never empty: who reads the report must be able to judge it
  std::string source;  ///< where it stands: "lab.toml:12"
};

/// The kinds that may be on the list: those after which a kernel can go on. What kills a kernel, or says that its
/// memory is no longer what it was, is never allowed.
const std::vector<std::string>& allowable_kinds();

bool allows(const Allowance& allowance, const CrashFinding& finding);

}  // namespace holdfast
