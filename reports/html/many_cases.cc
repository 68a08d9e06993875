// How are very many cases shown on a page that must still open?
#include "reports/html/many_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/text.h"
#include "reports/html/page.h"
#include "reports/words.h"

namespace holdfast::reports {

namespace {

constexpr size_t kLongestMessage = 160;
constexpr size_t kMostSuites = 1000;

/// The script takes a line apart at its first two blanks, and the case's name at its last slash.
std::string line_of(const CaseSettled& settled) {
  const Verdict& verdict = settled.verdict;
  std::string line = fmt::format("{}  {}", settled.id.key(), duration(took(settled)));
  if (!verdict.type.empty()) line += fmt::format("  {}:", verdict.type);
  if (!verdict.message.empty()) line += fmt::format(" {}", verdict.message.substr(0, kLongestMessage));
  line = printable(line);
  std::ranges::replace(line, '\n', ' ');
  return line + "\n";
}

void write_group(HtmlWriter& html, std::span<const CaseSettled* const> group) {
  const CaseSettled& first = *group.front();
  const auto details = html.open("details", {{"class", "many"},
                                             {"data-verdict", to_string(first.verdict.outcome)},
                                             {"data-suite", suite_of(first)},
                                             {"data-target", first.target}});
  {
    const auto summary = html.open("summary");
    write_badge(html, first.verdict.outcome);
    html.text(" ");
    html.leaf("span", {{"class", "count"}}, std::to_string(group.size()));
    html.text(" more ");
    html.leaf("span", {{"class", "soft"}}, suite_of(first));
  }
  std::string lines;
  for (const CaseSettled* one : group) lines += line_of(*one);
  html.leaf("pre", {{"tabindex", "0"}, {"aria-label", "cases, a line each"}}, lines);
}

}  // namespace

std::string suite_of(const CaseSettled& settled) { return settled.suite.empty() ? settled.target : settled.suite; }

void write_many_cases(HtmlWriter& html, std::span<const CaseSettled* const> cases) {
  if (cases.empty()) return;
  html.leaf("h3", {}, fmt::format("{} more cases", cases.size()));
  html.leaf("p", {{"class", "soft"}}, "A line each; junit.xml and the folders of their attempts have all of them.");
  while (!cases.empty()) {
    const auto same = [&](const CaseSettled* one) {
      return one->verdict.outcome == cases.front()->verdict.outcome && suite_of(*one) == suite_of(*cases.front());
    };
    const auto end = std::ranges::find_if_not(cases, same);
    const auto size = static_cast<size_t>(end - cases.begin());
    write_group(html, cases.first(size));
    cases = cases.subspan(size);
  }
}

void write_suite_counts(HtmlWriter& html, const RunRecord& record) {
  const auto scroll = html.open("div", {{"class", "scroll"},
                                        {"tabindex", "0"},
                                        {"role", "region"},
                                        {"aria-label", "what the cases of each target came to"}});
  const auto table = html.open("table");
  {
    const auto head = html.open("tr");
    for (const char* title : {"target and kernels", "failed", "errors", "skipped", "passed"}) {
      html.leaf("th", {{"scope", "col"}}, title);
    }
  }
  size_t rows = 0;
  for (const auto& [name, suite] : record.suites()) {
    if (++rows > kMostSuites) break;
    const Tally tally = suite.tally();
    const auto row = html.open("tr");
    html.leaf("th", {{"scope", "row"}}, name);
    html.leaf("td", {{"class", tally.failed > 0 ? "number forbidden" : "number"}}, std::to_string(tally.failed));
    for (const int count : {tally.errors, tally.skipped, tally.passed}) {
      html.leaf("td", {{"class", "number"}}, std::to_string(count));
    }
  }
}

}  // namespace holdfast::reports
