// How is a night told in a mail?
#include <fmt/format.h>

#include "harness/base/text.h"
#include "reports/nightly/news.h"

namespace holdfast::reports {
namespace {

size_t count(const std::vector<FailureGroup>& groups) {
  size_t cases = 0;
  for (const FailureGroup& group : groups) cases += group.cases.size();
  return cases;
}

std::string plural(size_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string first_line(std::string_view text) {
  const std::string clean = printable(text);
  return clean.substr(0, clean.find('\n'));
}

void add_range(std::string& text, const CommitRange& range) {
  text += fmt::format("    {}: {}..{} of {}\n", range.kernel, range.good.substr(0, 12), range.bad.substr(0, 12),
                      printable(range.tree));
  if (range.command.empty()) {
    text += fmt::format("      no bisection: {}\n", first_line(range.why_not));
  } else {
    text += fmt::format("      {}\n", printable(range.command));
  }
}

void add_case(std::string& text, const NightCase& one) {
  text += fmt::format("  {}  on {}\n", printable(one.id.key()), printable(one.suite));
  if (one.last_good.empty()) {
    text += "    never passed in the nights that are still there\n";
  } else {
    text += fmt::format("    passed in {}\n", one.last_good);
  }
  if (!one.failing_since.empty()) text += fmt::format("    fails like this since {}\n", one.failing_since);
  if (!one.last_good.empty() && one.ranges.empty()) {
    text += "    no commit lies between as far as is known: the same kernels, or no branches of a tree\n";
  }
  for (const CommitRange& range : one.ranges) add_range(text, range);
  if (!one.replay.empty()) text += fmt::format("    again: {}\n", printable(one.replay));
}

void add_groups(std::string& text, std::string_view title, const std::vector<FailureGroup>& groups) {
  if (groups.empty()) return;
  text += fmt::format("\n{}: {} in {}\n", title, plural(count(groups), "case"), plural(groups.size(), "group"));
  for (const FailureGroup& group : groups) {
    text += fmt::format("\n{}\n  {}\n", printable(group.mark), first_line(group.cases.front().verdict.message));
    for (const NightCase& one : group.cases) add_case(text, one);
  }
}

void add_list(std::string& text, std::string_view title, const std::vector<NightCase>& cases, bool with_message) {
  if (cases.empty()) return;
  text += fmt::format("\n{}: {}\n", title, cases.size());
  for (const NightCase& one : cases) {
    text += fmt::format("  {}  on {}\n", printable(one.id.key()), printable(one.suite));
    if (with_message) text += fmt::format("    {}: {}\n", one.verdict.type, first_line(one.verdict.message));
  }
}

void add_lines(std::string& text, std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  text += fmt::format("\n{}\n", title);
  for (const std::string& line : lines) text += fmt::format("  {}\n", first_line(line));
}

}  // namespace

std::string news_subject(const NightNews& news, const std::string& plan) {
  std::vector<std::string> parts;
  if (const size_t failures = count(news.new_failures); failures > 0) parts.push_back(plural(failures, "new failure"));
  if (!news.new_errors.empty()) parts.push_back(plural(news.new_errors.size(), "new error"));
  if (!news.fixed.empty()) parts.push_back(fmt::format("{} fixed", news.fixed.size()));
  if (parts.empty()) parts.emplace_back(news.has_problems() ? "nothing new" : "all well");
  return fmt::format("[holdfast] {}: {}; {}", plan, join(parts, ", "), sentence(news.tally));
}

std::string news_text(const NightNews& news, const RunResults& tonight) {
  std::string text = fmt::format("Night {} of {}: {} in {}\n", news.name, iso_utc(tonight.begun()),
                                 sentence(news.tally), duration(tonight.record.took()));
  text += news.baseline.empty() ? "It is the first one: there is nothing to compare it with.\n"
                                : fmt::format("The night before: {}\n", news.baseline);
  text += fmt::format("Report: {}\n", printable((tonight.folder / "report.html").string()));
  add_groups(text, "New failures", news.new_failures);
  add_list(text, "New errors, which judge no kernel", news.new_errors, true);
  add_list(text, "Fixed", news.fixed, false);
  add_groups(text, "Still failing", news.still_failing);
  add_list(text, "In quarantine", news.known, true);
  std::vector<std::string> skipped;
  for (const auto& [reason, cases] : news.skipped) {
    skipped.push_back(fmt::format("{}: {}", plural(static_cast<size_t>(cases), "case"), reason));
  }
  add_lines(text, "Skipped", skipped);
  add_lines(text, "Live updates in a row", news.soaks);
  add_lines(text, "Warnings", news.warnings);
  return text;
}

}  // namespace holdfast::reports
