// How long did each phase of an attempt take, to look at?
#include "reports/html/time_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "harness/timeouts.h"
#include "reports/words.h"

namespace holdfast::reports {

using std::chrono::milliseconds;

namespace {

/// "p6": the colour of a phase.
std::string colour(const std::string& phase) {
  return fmt::format("p{}", std::min(phase_rank(phase), kPhaseLimits.size()));
}

std::string in_words(const PhaseSpan& span) {
  const auto ms = std::max<milliseconds::rep>(0, span.took.count());
  const std::string time = ms < 1000 ? fmt::format("{} ms", ms) : short_seconds(span.took) + " s";
  return fmt::format("{} {}{}", span.name, time, span.ok ? "" : " (failed)");
}

void write_bar(HtmlWriter& html, const std::vector<PhaseSpan>& spans, milliseconds whole) {
  constexpr double kVisible = 0.25;  // percent: a phase of no time is still to be seen
  std::string said;
  for (const PhaseSpan& span : spans) said += (said.empty() ? "" : ", ") + in_words(span);
  const auto svg = html.open("svg", {{"role", "img"}, {"height", "24"}, {"aria-label", "phases: " + said}});
  html.leaf("rect", {{"class", "frame"}, {"width", "100%"}, {"height", "24"}}, "");
  milliseconds at{0};
  const auto percent = [&](milliseconds part) {
    return 100.0 * static_cast<double>(part.count()) / static_cast<double>(whole.count());
  };
  for (const PhaseSpan& span : spans) {
    const milliseconds took = std::max(span.took, milliseconds(0));
    const auto piece = html.open("rect", {{"class", colour(span.name) + (span.ok ? "" : " bad")},
                                          {"x", fmt::format("{:.2f}%", percent(at))},
                                          {"width", fmt::format("{:.2f}%", std::max(kVisible, percent(took)))},
                                          {"height", "24"}});
    html.leaf("title", {}, in_words(span));
    at += took;
  }
}

}  // namespace

void write_time_line(HtmlWriter& html, const std::vector<PhaseSpan>& spans, milliseconds took) {
  milliseconds sum{0};
  for (const PhaseSpan& span : spans) sum += std::max(span.took, milliseconds(0));
  const milliseconds whole = std::max(sum, took);
  if (spans.empty() || whole <= milliseconds(0)) return;
  write_bar(html, spans, whole);
  const auto list = html.open("ul", {{"class", "phases"}});
  for (const PhaseSpan& span : spans) {
    const auto item = html.open("li");
    {
      const auto swatch = html.open("svg", {{"aria-hidden", "true"}, {"viewBox", "0 0 10 10"}});
      html.leaf("rect", {{"class", colour(span.name)}, {"width", "10"}, {"height", "10"}}, "");
    }
    html.text(" " + in_words(span));
  }
}

}  // namespace holdfast::reports
