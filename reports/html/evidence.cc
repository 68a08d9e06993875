// What does a failure rest on, to look at?
#include "reports/html/evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "reports/attempt_files.h"

namespace holdfast::reports {

namespace {

constexpr size_t kLinesBefore = 15;
constexpr size_t kLinesAfter = 45;
constexpr size_t kTailLines = 40;
constexpr size_t kConsoleLimit = size_t{4} << 20;
constexpr size_t kDiffLimit = size_t{256} << 10;
constexpr size_t kMostChanges = 500;

std::string_view first_lines(std::string_view text, size_t count) {
  size_t at = 0;
  for (size_t line = 0; line < count; ++line) {
    const size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos) return text;
    at = newline + 1;
  }
  return text.substr(0, at);
}

/// Console text can be wider than the page: it scrolls, and so must be reachable by keyboard.
void write_text(HtmlWriter& html, std::string_view title, std::string_view text) {
  html.leaf("h3", {}, title);
  html.leaf("pre", {{"tabindex", "0"}, {"aria-label", title}}, text);
}

void write_changes(HtmlWriter& html, const std::vector<RegisterChange>& changes, bool forbidden) {
  const auto scroll = html.open(
      "div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "changes of config space"}});
  const auto table = html.open("table");
  {
    const auto head = html.open("tr");
    for (const char* title : {"device", "register", "before", "after", forbidden ? "" : "why it may"}) {
      if (*title != '\0') html.leaf("th", {{"scope", "col"}}, title);
    }
  }
  for (const RegisterChange& change : changes) {
    if (change.allowed.empty() != forbidden) continue;
    const auto row = html.open("tr");
    html.leaf("td", {}, change.address);
    html.leaf("td", {{"class", forbidden ? "forbidden" : ""}}, change.name);
    html.leaf("td", {}, change.before);
    html.leaf("td", {}, change.after);
    if (!forbidden) html.leaf("td", {}, change.allowed);
  }
}

void write_diff(HtmlWriter& html, std::string_view text) {
  const std::vector<RegisterChange> changes = parse_pci_diff(text);
  const auto allowed = std::ranges::count_if(changes, [](const auto& one) { return !one.allowed.empty(); });
  const auto forbidden = static_cast<std::ptrdiff_t>(changes.size()) - allowed;
  if (changes.empty()) return;
  html.leaf("h3", {}, "config space before and after");
  if (forbidden > 0) {
    html.leaf("p", {{"class", "forbidden"}}, fmt::format("{} that must not change", forbidden));
    write_changes(html, changes, true);
  }
  if (allowed > 0) {
    const auto details = html.open("details");
    html.leaf("summary", {}, fmt::format("{} that may change", allowed));
    write_changes(html, changes, false);
  }
}

/// The line of a crash's excerpt that the verdict quotes, or the first one of the excerpt. The excerpt stands behind
/// the facts about the crash and an empty line.
std::string_view line_of_crash(std::string_view evidence, std::string_view message) {
  const size_t gap = evidence.find("\n\n");
  if (gap == std::string_view::npos) return {};
  const auto lines = split(trim(evidence.substr(gap)), '\n');
  for (const std::string_view line : lines) {
    const size_t time = line.starts_with('[') ? line.find("] ") : std::string_view::npos;
    const std::string_view said = trim(time == std::string_view::npos ? line : line.substr(time + 2));
    constexpr size_t kTelling = 8;  // characters; a shorter line may be quoted by chance
    if (said.size() >= kTelling && message.find(said) != std::string_view::npos) return line;
  }
  return lines.front();
}

void write_console(HtmlWriter& html, const AttemptEnded& attempt, const std::filesystem::path& run_dir) {
  const auto& evidence = attempt.verdict.evidence;
  const auto crash =
      std::ranges::find_if(evidence, [](const Evidence& one) { return one.name == "crash" || one.name == "warning"; });
  const bool tail_told = std::ranges::find(evidence, "console", &Evidence::name) != evidence.end();
  if (crash == evidence.end() && tail_told) return;
  const auto raw = attempt_text(run_dir, attempt.dir, "console.log", kConsoleLimit);
  if (!raw) return;
  const std::string console = printable(*raw);
  const auto slice = crash == evidence.end()
                         ? std::nullopt
                         : console_around(console, line_of_crash(crash->text, attempt.verdict.message));
  if (slice) {
    html.leaf("h3", {}, "console around the crash");
    const auto pre = html.open("pre", {{"tabindex", "0"}, {"aria-label", "console around the crash"}});
    html.text(slice->before);
    html.leaf("mark", {}, slice->line);
    html.text(slice->after);
  } else if (!tail_told) {
    write_text(html, "last lines of the console", last_lines(console, kTailLines));
  }
}

}  // namespace

std::vector<RegisterChange> parse_pci_diff(std::string_view text) {
  std::vector<RegisterChange> changes;
  bool allowed = false;
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with("Allowed:")) allowed = true;
    if (line.starts_with("Forbidden:")) allowed = false;
    const bool reason = line.starts_with("      ");
    if (reason && !changes.empty() && allowed) changes.back().allowed = trim(line);
    if (reason || !line.starts_with("  ") || changes.size() >= kMostChanges) continue;
    const std::string_view change = trim(line);
    const size_t space = change.find(' ');
    const size_t arrow = change.find(" -> ");
    // A register may have ": " in its name ("MSI-X: Message Control"); a value has not.
    const size_t colon = arrow == std::string_view::npos ? arrow : change.substr(0, arrow).rfind(": ");
    if (colon == std::string_view::npos || space == std::string_view::npos || space > colon) continue;
    changes.push_back({.address = std::string(change.substr(0, space)),
                       .name = std::string(change.substr(space + 1, colon - space - 1)),
                       .before = std::string(change.substr(colon + 2, arrow - colon - 2)),
                       .after = std::string(change.substr(arrow + 4)),
                       .allowed = allowed ? "no reason given" : ""});
  }
  return changes;
}

std::optional<ConsoleSlice> console_around(std::string_view console, std::string_view line) {
  const size_t at = line.empty() ? std::string_view::npos : console.rfind(line);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t begin = at == 0 ? 0 : console.rfind('\n', at - 1) + 1;  // npos + 1 is 0: the first line
  const size_t end = std::min(console.find('\n', at), console.size());
  return ConsoleSlice{.before = std::string(last_lines(console.substr(0, begin), kLinesBefore)),
                      .line = std::string(console.substr(begin, end - begin)),
                      .after = std::string(first_lines(console.substr(end), kLinesAfter))};
}

void write_evidence(HtmlWriter& html, const AttemptEnded& attempt, const std::filesystem::path& run_dir) {
  // The whole comparison, with what was allowed, is in the file; the verdict has what is forbidden.
  auto diff = attempt_text(run_dir, attempt.dir, "pci.diff", kDiffLimit);
  for (const Evidence& piece : attempt.verdict.evidence) {
    if (piece.name == "pci.diff" && !diff) diff = piece.text;
  }
  if (diff) write_diff(html, printable(*diff));
  write_console(html, attempt, run_dir);
  for (const Evidence& piece : attempt.verdict.evidence) {
    if (piece.name != "pci.diff") write_text(html, piece.name, piece.text);
  }
}

}  // namespace holdfast::reports
