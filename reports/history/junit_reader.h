// What does a JUnit file say came of a run?
#pragma once

#include <string_view>

#include "reports/journal.h"

namespace holdfast::reports {

/// Reads a JUnit document as the events of a run: of this program's own files, in either dialect, all that is in them;
/// of other programs' what they have in common: cases with name, class, time and outcome. A class "a.b.c" is read as
/// suite "a" and device "b.c", so that CaseId::classname() gives it back.
///
/// Errors: harness.junit saying what is wrong and where: not XML, another document, a case without a name, a time that
/// is no number, more cases or fewer than this program counted.
Result<JournalEvents> parse_junit(std::string_view xml);

}  // namespace holdfast::reports
