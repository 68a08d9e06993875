// How long did each phase of an attempt take, to look at?
#pragma once

#include <chrono>
#include <vector>

#include "reports/html/html_writer.h"
#include "reports/phase_log.h"

namespace holdfast::reports {

/// A bar with a piece for each phase, in their order, and a list that says the same in words. Time that no phase
/// covers is left empty at the end. Nothing when there is neither phase nor time.
void write_time_line(HtmlWriter& html, const std::vector<PhaseSpan>& spans, std::chrono::milliseconds took);

/// Writes the way across the first kexec, from the old kernel's leave to the last milestone, in its order: an SVG with
/// a tick for each, and a list. Nothing when no kexec was seen.
void write_blackout(HtmlWriter& html, const std::vector<MilestoneSpot>& milestones);

}  // namespace holdfast::reports
