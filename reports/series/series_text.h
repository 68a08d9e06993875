// What came of a patch series, for a terminal and for a mail?
#pragma once

#include <string>
#include <vector>

#include "harness/series/findings.h"
#include "reports/screen.h"

namespace holdfast::reports {

/// How wide a mail may be, so that it can be quoted a few times on 80 columns.
inline constexpr size_t kMailColumns = 72;

/// The headline, a table of the patches, what is wrong with each, what each changed, and the matrix of patches and
/// cases. No line is wider than `width`, but for words that are.
std::vector<Line> series_lines(const series::Study& study, size_t width);

/// The same as plain text for a mail to a list.
std::string series_mail(const series::Study& study);

/// "passed since 1/3, fails with 2/3 "x"; no later patch repairs it".
std::string describe_change(const series::Study& study, const series::Change& change);

/// A letter for a cell of a narrow matrix: . passed, F failed, E error, s skipped, ~ flaky.
char letter_of(Outcome outcome);

}  // namespace holdfast::reports
