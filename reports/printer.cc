// How do verbs show errors, tables and the progress of long work?
#include "reports/printer.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "reports/words.h"

namespace holdfast::reports {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

namespace {

constexpr size_t kEvidenceLines = 20;
constexpr size_t kGap = 2;

/// The widest cell of each column.
std::vector<size_t> column_widths(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  return widths;
}

}  // namespace

std::vector<std::string> wrapped(std::string_view text, size_t limit) {
  std::vector<std::string> pieces(1);
  for (const std::string_view word : split(text, ' ')) {
    std::string& last = pieces.back();
    if (!last.empty() && columns(last) + 1 + columns(word) > limit) {
      pieces.emplace_back(word);
    } else {
      if (!last.empty()) last += ' ';
      last += word;
    }
  }
  return pieces;
}

std::string padded(const std::string& cell, size_t to) {
  const size_t has = columns(cell);
  return has < to ? cell + std::string(to - has, ' ') : cell;
}

std::vector<Line> error_lines(const Error& error) {
  std::vector<Line> lines;
  // The type says who must act; for a wrong flag that is whoever reads this.
  const std::string type = error.kind == "usage" ? "" : fmt::format(" [{}]", error.type());
  lines.push_back({{"error: ", Style::kBad}, {error.what}, {type, Style::kFaint}});
  for (const std::string_view hint : split(error.hint, '\n')) {
    if (!hint.empty()) lines.push_back({{"  try: ", Style::kStrong}, {std::string(hint)}});
  }
  for (const Evidence& piece : error.evidence) {
    lines.push_back({{fmt::format("  {}:", piece.name)}});
    const std::string clean = printable(piece.text);
    for (const std::string_view text : split(trim(last_lines(clean, kEvidenceLines)), '\n')) {
      lines.push_back({{"  | ", Style::kFaint}, {std::string(text)}});
    }
  }
  return lines;
}

void print_error(Screen& screen, const Error& error) {
  for (const Line& line : error_lines(error)) screen.line(line);
}

std::vector<Line> table_lines(const std::vector<std::vector<std::string>>& rows, int width) {
  constexpr size_t kNarrowest = 20;  // a last column narrower than this is harder to read than a long line
  std::vector<std::vector<std::string>> cells = rows;
  for (auto& row : cells) {
    for (std::string& cell : row) {
      cell = printable(cell);
      std::ranges::replace(cell, '\n', ' ');
    }
  }
  const std::vector<size_t> widths = column_widths(cells);
  std::vector<Line> lines;
  for (const auto& row : cells) {
    std::string text;
    for (size_t i = 0; i + 1 < row.size(); ++i) text += padded(row[i], widths[i] + kGap);
    const size_t indent = columns(text);
    const size_t total = static_cast<size_t>(std::max(width, 0));
    const bool whole = total < indent + kNarrowest;
    const auto pieces = row.empty() || whole ? std::vector<std::string>{row.empty() ? "" : row.back()}
                                             : wrapped(row.back(), total - indent);
    const Style style = lines.empty() ? Style::kStrong : Style::kPlain;
    for (const std::string& piece : pieces) {
      const bool first = &piece == &pieces.front();
      lines.push_back({{(first ? text : std::string(indent, ' ')) + piece, style}});
    }
  }
  return lines;
}

void print_table(Screen& screen, const std::vector<std::vector<std::string>>& rows) {
  for (const Line& line : table_lines(rows, screen.width())) screen.line(line);
}

Progress::Progress(Screen& screen, std::string what, Clock::duration plain_every)
    : screen_(screen), what_(std::move(what)), plain_every_(plain_every), begun_(Clock::now()), next_(begun_) {}

Progress::~Progress() { screen_.clear_live(); }

void Progress::update(std::string_view state) {
  constexpr auto kLiveEvery = std::chrono::milliseconds(100);
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + (screen_.traits().live ? kLiveEvery : plain_every_);
  const std::string took = duration(duration_cast<milliseconds>(now - begun_));
  const Line line = {{what_, Style::kStrong}, {fmt::format(": {} ({})", state, took)}};
  if (screen_.traits().live) {
    screen_.live(line);
  } else {
    screen_.line(line);
  }
}

void Progress::done(std::string_view result) {
  screen_.clear_live();
  const std::string took = duration(duration_cast<milliseconds>(Clock::now() - begun_));
  screen_.line({{what_, Style::kStrong}, {fmt::format(": {} ({})", result, took)}});
}

}  // namespace holdfast::reports
