// How are very many cases shown on a page that must still open?
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reports/html/html_writer.h"
#include "reports/record.h"

namespace holdfast::reports {

/// Cases beyond those that are shown in full, in the order of the page: a line of text each, folded away by verdict and
/// suite, so that a browser lays out only what is opened. The filters go through the lines as well.
void write_many_cases(HtmlWriter& html, std::span<const CaseSettled* const> cases);

/// Of each suite (target and kernels) how many cases came to what; in place of a matrix that nobody could look at.
void write_suite_counts(HtmlWriter& html, const RunRecord& record);

/// The suite of a case, or the target of one that was told without.
std::string suite_of(const CaseSettled& settled);

}  // namespace holdfast::reports
