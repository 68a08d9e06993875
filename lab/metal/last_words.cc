// Does a console show that the kernel on its way to its agent will never get there?
#include "lab/metal/last_words.h"

#include <algorithm>
#include <array>

namespace holdfast::lab {
namespace {

bool ends_the_machine(const CrashFinding& finding) {
  constexpr std::array<std::string_view, 4> kKinds{"panic", "early-boot", "firmware", "reset"};
  // Source: sysrq_handle_crash() in drivers/tty/sysrq.c of Linux 7.3.
  if (finding.title.find("sysrq triggered crash") != std::string::npos) return false;
  return std::ranges::find(kKinds, finding.kind) != kKinds.end();
}

}  // namespace

LastWords last_words(std::string_view console, size_t asked) {
  LastWords words;
  std::vector<LogMark> marks(1);
  marks.front().start = LogMark::Start::kKexec;
  if (asked > 0) marks.push_back({.offset = asked, .phase = {}, .start = LogMark::Start::kKexec});
  for (CrashFinding& finding : find_crashes(console, marks)) {
    if (finding.offset < asked) continue;
    if (ends_the_machine(finding)) {
      if (!words.fatal) words.fatal = std::move(finding);
    } else if (!is_warning(finding) && !words.serious) {
      words.serious = std::move(finding);
    }
  }
  return words;
}

}  // namespace holdfast::lab
