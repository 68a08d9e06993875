// Which case came to what, on which device and kernel, at one look?
#pragma once

#include <unordered_map>

#include "reports/html/html_writer.h"
#include "reports/record.h"

namespace holdfast::reports {

/// Where a case stands on the page: the number of its element. Cases that have none are not in it.
using CaseNumbers = std::unordered_map<const CaseSettled*, size_t>;

/// A table: a row per case, a column per device within each suite (target and kernels), in each cell the verdict,
/// which leads to the case. When that would be too large to look at, the counts of each suite.
void write_matrix(HtmlWriter& html, const RunRecord& record, const CaseNumbers& numbers);

}  // namespace holdfast::reports
