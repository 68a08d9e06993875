// Which case came to what, on which device and kernel, at one look?
#pragma once

#include <map>
#include <string>
#include <utility>

#include "reports/html/html_writer.h"
#include "reports/record.h"

namespace holdfast::reports {

/// Where a case stands on the page: suite and case, the number of its element.
using CaseNumbers = std::map<std::pair<std::string, CaseId>, size_t>;

/// A table: a row per case, a column per device within each suite (target and kernels), in each cell the verdict,
/// which leads to the case. Left out, with a word why, when it would be too large to look at.
void write_matrix(HtmlWriter& html, const RunRecord& record, const CaseNumbers& numbers);

}  // namespace holdfast::reports
