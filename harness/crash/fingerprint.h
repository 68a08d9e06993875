// By which mark is the crash in a verdict known again?
#pragma once

#include <string>

#include "harness/event.h"

namespace holdfast {

/// The fingerprint of the first crash among the verdict's evidence, as crash_watch wrote it there; empty when there is
/// none.
std::string fingerprint_of(const Verdict& verdict);

/// The same of a case: where its verdict does not say, its attempts may.
std::string fingerprint_of(const CaseSettled& settled);

/// The same for any failure: its type with the fingerprint, or with its message without the figures and addresses in
/// it, which differ from time to time. One line; empty for a pass.
std::string mark_of(const CaseSettled& settled);

}  // namespace holdfast
