// What does a JUnit file say came of a run?
#pragma once

#include <string>

#include "reports/journal.h"

namespace holdfast::reports {

/// Tells a JUnit document as the events of a run, what it says of the run itself last: of this program's own files, in
/// either dialect, all that is in them; of other programs' what they have in common: cases with name, class, time and
/// outcome. A class "a.b.c" is read as suite "a" and device "b.c", so that CaseId::classname() gives it back.
///
/// Errors: harness.junit saying what is wrong and where: not XML, another document, a case without a name, a time that
/// is no number, more cases or fewer than this program counted.
Result<void> tell_junit(std::string xml, const EventTaker& take);

}  // namespace holdfast::reports
