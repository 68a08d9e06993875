// Which panic was asked for?
#include "harness/crash/expected_panic.h"

#include <algorithm>

namespace holdfast {

std::vector<CrashFinding>::iterator find_expected(std::vector<CrashFinding>& findings, const ExpectedPanic& panic) {
  return std::ranges::find_if(findings, [&](const CrashFinding& finding) {
    return finding.kind == "panic" && finding.offset >= panic.from && finding.offset < panic.to &&
           finding.title.find(panic.text) != std::string::npos;
  });
}

void forgive(std::vector<CrashFinding>& findings, const std::vector<ExpectedPanic>& expected) {
  for (const ExpectedPanic& panic : expected) {
    const auto found = find_expected(findings, panic);
    if (found != findings.end()) findings.erase(found);
  }
}

}  // namespace holdfast
