// What do all pages share: the frame, the style, the script?
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "harness/verdict.h"
#include "reports/html/html_writer.h"

namespace holdfast::reports {

/// A whole page: one file that loads nothing, with a policy that lets no script or style run but its own. `body` fills
/// <main>.
std::string html_page(std::string_view title, const std::function<void(HtmlWriter&)>& body);

/// "FAIL" and the like as a coloured label.
void write_badge(HtmlWriter& html, Outcome outcome);

}  // namespace holdfast::reports
