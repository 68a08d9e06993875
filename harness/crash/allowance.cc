// Which warnings does a lab know of and put up with?
#include "harness/crash/allowance.h"

#include "harness/base/text.h"

namespace holdfast {

const std::vector<std::string>& allowable_kinds() {
  static const std::vector<std::string> kinds{"warn",      "lockdep",     "ubsan",    "kcsan",
                                              "hung-task", "soft-lockup", "rcu-stall"};
  return kinds;
}

bool allows(const Allowance& allowance, const CrashFinding& finding) {
  return allowance.kind == finding.kind && glob_match("*" + allowance.title + "*", finding.title);
}

}  // namespace holdfast
