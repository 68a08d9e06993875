// Which case came to what, on which device and kernel, at one look?
#include "reports/html/matrix.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "reports/html/many_cases.h"
#include "reports/html/page.h"

namespace holdfast::reports {

namespace {

constexpr size_t kMostCells = 20'000;

using Column = std::pair<std::string, std::string>;  ///< suite, device

struct Matrix {
  std::set<std::pair<std::string, std::string>> rows;  ///< theme and name of a case
  std::set<Column> columns;
  std::map<std::string, size_t> widths;  ///< columns of each suite
};

Matrix matrix_of(const RunRecord& record) {
  Matrix matrix;
  for (const auto& [name, suite] : record.suites()) {
    for (const auto& [id, settled] : suite.cases) {
      matrix.rows.emplace(id.suite, id.name);
      if (matrix.columns.emplace(name, id.device).second) ++matrix.widths[name];
    }
  }
  return matrix;
}

void write_head(HtmlWriter& html, const Matrix& matrix) {
  const auto head = html.open("thead");
  {
    const auto suites = html.open("tr");
    html.leaf("th", {{"rowspan", "2"}, {"scope", "col"}}, "case");
    for (const auto& [suite, width] : matrix.widths) {
      html.leaf("th", {{"colspan", std::to_string(width)}, {"scope", "colgroup"}}, suite);
    }
  }
  const auto devices = html.open("tr");
  for (const auto& [suite, device] : matrix.columns) {
    html.leaf("th", {{"scope", "col"}}, device.empty() ? "no device" : device);
  }
}

}  // namespace

void write_matrix(HtmlWriter& html, const RunRecord& record, const CaseNumbers& numbers) {
  const Matrix matrix = matrix_of(record);
  if (matrix.rows.empty()) return;
  html.leaf("h2", {}, "Cases by device and kernel");
  if (matrix.rows.size() * matrix.columns.size() > kMostCells) {
    html.leaf("p", {{"class", "soft"}},
              fmt::format("{} cases by {} columns are too many for a table; these are their counts.",
                          matrix.rows.size(), matrix.columns.size()));
    return write_suite_counts(html, record);
  }
  const auto scroll = html.open(
      "div",
      {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "cases by device and kernel"}});
  const auto table = html.open("table", {{"class", "matrix"}});
  write_head(html, matrix);
  const auto body = html.open("tbody");
  for (const auto& [theme, name] : matrix.rows) {
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "row"}}, fmt::format("{}.{}", theme, name));
    for (const auto& [suite, device] : matrix.columns) {
      const auto cell = html.open("td", {{"class", "cell"}});
      const auto& cases = record.suites().at(suite).cases;
      const auto settled = cases.find({.suite = theme, .name = name, .device = device});
      if (settled == cases.end()) continue;
      const Verdict& verdict = settled->second.verdict;
      const auto number = numbers.find(&settled->second);
      if (number == numbers.end()) {
        write_badge(html, verdict.outcome);
        continue;
      }
      html.leaf("a",
                {HtmlAttribute::link_inside("c", number->second),
                 {"class", fmt::format("badge {}", to_string(verdict.outcome))},
                 {"title", verdict.message}},
                label(verdict.outcome));
    }
  }
}

}  // namespace holdfast::reports
