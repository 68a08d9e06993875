// How is a trend drawn?
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/text.h"
#include "reports/history/trend.h"
#include "reports/html/page.h"

namespace holdfast::reports {

namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 170;
constexpr double kLeft = 92;  // room for the figures of the axis
constexpr double kRight = 12;
constexpr double kTop = 16;
constexpr double kBottom = 24;

/// One series of values over the runs.
struct Series {
  std::string title;
  std::string unit;
  std::vector<size_t> runs;
  std::vector<double> values;
  std::optional<Step> step;
};

/// Draws a series into an SVG whose x axis is the order of the runs.
class Chart {
 public:
  Chart(const Trend& trend, const Series& series) : trend_(trend), series_(series) {
    const auto [low, high] = std::ranges::minmax(series.values);
    // A curve that hardly moves is not blown up to look like one that does.
    const double span = std::max(high - low, std::max(0.1 * high, 1.0));
    low_ = std::max(0.0, low - 0.1 * span);
    high_ = low_ + 1.2 * span;
    if (series.unit == "%") low_ = 0, high_ = 100;
  }

  void write(HtmlWriter& html) const {
    const auto svg = html.open("svg", {{"class", "chart"},
                                       {"role", "img"},
                                       {"viewBox", fmt::format("0 0 {} {}", kWidth, kHeight)},
                                       {"aria-label", said()}});
    for (const double value : {low_, (low_ + high_) / 2, high_}) {
      const std::string height = fmt::format("{:.1f}", y(value));
      html.leaf("line",
                {{"class", "grid"},
                 {"x1", fmt::format("{}", kLeft)},
                 {"x2", fmt::format("{}", kWidth - kRight)},
                 {"y1", height},
                 {"y2", height}},
                "");
      html.leaf(
          "text",
          {{"x", fmt::format("{}", kLeft - 6)}, {"y", fmt::format("{:.1f}", y(value) + 4)}, {"text-anchor", "end"}},
          fmt::format("{:.0f} {}", value, series_.unit));
    }
    write_dates(html);
    if (series_.step) write_step(html, *series_.step);
    std::string points;
    for (size_t i = 0; i < series_.values.size(); ++i) {
      points += fmt::format("{:.1f},{:.1f} ", x(series_.runs[i]), y(series_.values[i]));
    }
    html.leaf("polyline", {{"class", "curve"}, {"points", points}}, "");
    for (size_t i = 0; i < series_.values.size(); ++i) write_dot(html, i);
  }

 private:
  double x(size_t run) const {
    const double last = std::max<double>(1, static_cast<double>(trend_.names.size()) - 1);
    return kLeft + (kWidth - kLeft - kRight) * static_cast<double>(run) / last;
  }
  double y(double value) const {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * (value - low_) / (high_ - low_);
  }

  std::string said() const {
    return fmt::format("{}: {:.0f} {} in the first run, {:.0f} {} in the last", series_.title, series_.values.front(),
                       series_.unit, series_.values.back(), series_.unit);
  }

  void write_dates(HtmlWriter& html) const {
    constexpr size_t kDay = 10;  // "2001-09-24"
    const std::string height = fmt::format("{}", kHeight - 6);
    html.leaf("text", {{"x", fmt::format("{}", kLeft)}, {"y", height}}, iso_utc(trend_.begun.front()).substr(0, kDay));
    if (trend_.begun.size() < 2) return;
    html.leaf("text", {{"x", fmt::format("{}", kWidth - kRight)}, {"y", height}, {"text-anchor", "end"}},
              iso_utc(trend_.begun.back()).substr(0, kDay));
  }

  /// The levels before and after, as lines.
  void write_step(HtmlWriter& html, const Step& step) const {
    const auto level = [&](size_t from, size_t to, double value) {
      const std::string height = fmt::format("{:.1f}", y(value));
      html.leaf("line",
                {{"class", "step"},
                 {"x1", fmt::format("{:.1f}", x(from))},
                 {"x2", fmt::format("{:.1f}", x(to))},
                 {"y1", height},
                 {"y2", height}},
                "");
    };
    level(series_.runs.front(), series_.runs[step.at - 1], step.before);
    level(series_.runs[step.at], series_.runs.back(), step.after);
  }

  void write_dot(HtmlWriter& html, size_t i) const {
    const size_t run = series_.runs[i];
    const bool bad = trend_.tallies[run].failed > 0;
    const auto dot = html.open("circle", {{"class", bad ? "dot bad" : "dot"},
                                          {"cx", fmt::format("{:.1f}", x(run))},
                                          {"cy", fmt::format("{:.1f}", y(series_.values[i]))},
                                          {"r", "4"}});
    html.leaf("title", {},
              fmt::format("{} ({}): {:.0f} {}", trend_.names[run], iso_utc(trend_.begun[run]), series_.values[i],
                          series_.unit));
  }

  const Trend& trend_;
  const Series& series_;
  double low_ = 0;
  double high_ = 1;
};

/// Of the cases that were to be judged, in percent.
Series pass_rate(const Trend& trend) {
  Series series{.title = "pass rate", .unit = "%", .runs = {}, .values = {}, .step = {}};
  for (size_t i = 0; i < trend.tallies.size(); ++i) {
    const Tally& tally = trend.tallies[i];
    const int ran = tally.total() - tally.skipped;
    if (ran == 0) continue;
    series.runs.push_back(i);
    series.values.push_back(100.0 * tally.passed / ran);
  }
  return series;
}

/// "1085 ms to 1160 ms since 2026-10-21T02:00:00Z (run n20)".
std::string said_of_step(const Trend& trend, const PhaseTrend& phase) {
  const size_t run = phase.runs[phase.step->at];
  return fmt::format("{:.0f} ms to {:.0f} ms since {} (run {})", phase.step->before, phase.step->after,
                     iso_utc(trend.begun[run]), trend.names[run]);
}

/// What a reader came for: is there anything, and since when?
void write_steps(HtmlWriter& html, const Trend& trend) {
  if (std::ranges::none_of(trend.phases, [](const PhaseTrend& phase) { return phase.step.has_value(); })) {
    html.leaf("p", {}, "No phase and no milestone takes longer or shorter than before.");
    return;
  }
  const auto list = html.open("ul", {{"class", "forbidden"}});
  for (const PhaseTrend& phase : trend.phases) {
    if (phase.step) html.leaf("li", {}, fmt::format("{}: {}", phase.phase, said_of_step(trend, phase)));
  }
}

void write_series(HtmlWriter& html, const Trend& trend, const Series& series) {
  html.leaf("h2", {}, series.title);
  if (!series.values.empty()) Chart(trend, series).write(html);
}

/// The same figures for those who want to read them.
void write_table(HtmlWriter& html, const Trend& trend) {
  html.leaf("h2", {}, "The runs");
  const auto scroll =
      html.open("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "the runs"}});
  const auto table = html.open("table");
  {
    const auto head = html.open("tr");
    for (const char* title : {"begun", "run", "came to"}) html.leaf("th", {{"scope", "col"}}, title);
    for (const PhaseTrend& phase : trend.phases) html.leaf("th", {{"scope", "col"}}, phase.phase + " ms");
  }
  for (size_t i = trend.names.size(); i-- > 0;) {  // the newest on top
    const auto row = html.open("tr");
    html.leaf("td", {{"class", "whole"}}, iso_utc(trend.begun[i]));
    html.leaf("td", {}, trend.names[i]);
    html.leaf("td", {{"class", "whole"}}, sentence(trend.tallies[i]));
    for (const PhaseTrend& phase : trend.phases) {
      const auto at = std::ranges::find(phase.runs, i) - phase.runs.begin();
      const auto known = static_cast<size_t>(at) < phase.runs.size();
      html.leaf("td", {}, known ? fmt::format("{:.0f}", phase.medians[static_cast<size_t>(at)]) : "");
    }
  }
}

}  // namespace

std::string trend_page(const Trend& trend) {
  return html_page(fmt::format("holdfast: {} runs", trend.names.size()), [&](HtmlWriter& html) {
    html.leaf("h1", {}, fmt::format("{} runs, {} cases compared", trend.names.size(), trend.compared_cases));
    write_steps(html, trend);
    html.leaf("p", {{"class", "soft"}},
              "Times are medians over the cases that passed in at least four of five runs. Milestones count from "
              "the moment when the old kernel left. A red dot is a run with a kernel failure, a red line the level "
              "before and "
              "after a step.");
    if (trend.names.empty()) return;
    write_series(html, trend, pass_rate(trend));
    for (const PhaseTrend& phase : trend.phases) {
      write_series(
          html, trend,
          {.title = phase.phase, .unit = "ms", .runs = phase.runs, .values = phase.medians, .step = phase.step});
    }
    write_table(html, trend);
  });
}

}  // namespace holdfast::reports
