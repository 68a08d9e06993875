// How long did each phase of an attempt take, to look at?
#include "reports/html/time_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

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

namespace {

/// "last byte of A", for a reader.
std::string said_of(std::string_view key) {
  static const std::map<std::string_view, std::string> kWords{{"exec", "A leaves"},
                                                              {"a-last-byte", "A's last byte"},
                                                              {"b-first-byte", "B's first byte"},
                                                              {"init", "init"},
                                                              {"agent", "agent answers"},
                                                              {"retrieved", "retrieved"},
                                                              {"first-mmio", "first MMIO"}};
  const auto known = kWords.find(milestone_of(key));
  const std::string words = known == kWords.end() ? std::string(key) : known->second;
  const size_t slash = key.find('/');
  return slash == std::string_view::npos ? words : fmt::format("{} ({})", words, key.substr(slash + 1));
}

}  // namespace

void write_blackout(HtmlWriter& html, const std::vector<MilestoneSpot>& milestones) {
  std::vector<MilestoneSpot> spots;
  for (const MilestoneSpot& spot : milestones) {
    if (spot.key.find('#') == std::string::npos) spots.push_back(spot);
  }
  std::ranges::stable_sort(spots, {}, &MilestoneSpot::at);
  if (spots.empty() || spots.back().at <= milliseconds(0)) return;
  std::string said;
  for (const MilestoneSpot& spot : spots) {
    said += fmt::format("{}{} {} ms", said.empty() ? "" : ", ", said_of(spot.key), spot.at.count());
  }
  html.leaf("h3", {}, "across the kexec");
  {
    const auto svg = html.open("svg", {{"role", "img"}, {"height", "24"}, {"aria-label", "milestones: " + said}});
    html.leaf("rect", {{"class", "frame"}, {"width", "100%"}, {"height", "24"}}, "");
    for (const MilestoneSpot& spot : spots) {
      constexpr double kSpan = 99.0;  // percent: the last one is to be seen as well
      const double share = kSpan * static_cast<double>(std::max(spot.at, milliseconds(0)).count()) /
                           static_cast<double>(spots.back().at.count());
      const auto tick = html.open(
          "rect", {{"class", "tick"}, {"x", fmt::format("{:.2f}%", share)}, {"width", "3"}, {"height", "24"}});
      html.leaf("title", {}, fmt::format("{}: {} ms", said_of(spot.key), spot.at.count()));
    }
  }
  const auto list = html.open("ul", {{"class", "phases"}});
  for (const MilestoneSpot& spot : spots) {
    html.leaf("li", {}, fmt::format("{} {} ms", said_of(spot.key), spot.at.count()));
  }
}

}  // namespace holdfast::reports
