// What can this terminal show, and how does a status line live beneath plain ones?
#include "reports/screen.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::reports {

namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
// ECMA-48: carriage return, then "erase in line" for the whole line.
constexpr std::string_view kWipe = "\r\x1b[2K";
constexpr std::string_view kUnstyled = "\x1b[0m";

/// ECMA-48 SGR sequences; only the eight colours that every palette has.
std::string_view escape(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kBad:
      return "\x1b[1;31m";
    case Style::kOdd:
      return "\x1b[33m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kStrong:
      return "\x1b[1m";
  }
  std::abort();
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; }

/// The whole of `text` on one line.
std::string flat(std::string_view text) {
  std::string clean = printable(text);
  std::ranges::replace(clean, '\n', ' ');
  std::ranges::replace(clean, '\t', ' ');
  return clean;
}

int terminal_width(int fd) {
  constexpr int kUsual = 80;
  winsize size = {};
  if (::isatty(fd) == 0) return 0;
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

int terminal_height(int fd) {
  constexpr int kUsual = 24;
  winsize size = {};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : kUsual;
}

}  // namespace

size_t columns(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string cut_to(std::string_view text, size_t limit) {
  if (columns(text) <= limit) return std::string(text);
  if (limit == 0) return {};
  size_t seen = 0;
  size_t end = 0;
  while (end < text.size() && (is_continuation(text[end]) || ++seen < limit)) ++end;
  return std::string(text.substr(0, end)) + "…";
}

ScreenTraits traits_of(int fd) {
  // CI servers often give a terminal and then store what was drawn on it; any value of these variables counts
  // (no-color.org says so of NO_COLOR).
  const char* terminal = std::getenv("TERM");
  const bool able = ::isatty(fd) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb" && !is_set("CI");
  return {.live = able, .colour = able && !is_set("NO_COLOR")};
}

Screen::Screen(int fd)
    : Screen(
          traits_of(fd), [fd](std::string_view text) { (void)write_all(fd, text).ok(); },
          [fd] { return terminal_width(fd); }, [fd] { return terminal_height(fd); }) {}

Screen::Screen(ScreenTraits traits, Write write, Width width, Height height)
    : traits_(traits), write_(std::move(write)), width_(std::move(width)), height_(std::move(height)) {}

Screen::~Screen() { clear_live(); }

std::string Screen::rendered(const Line& line, size_t limit) const {
  std::string text;
  size_t used = 0;
  for (const Span& span : line) {
    const std::string clean = limit == kNoLimit ? flat(span.text) : cut_to(flat(span.text), limit - used);
    used += columns(clean);
    const bool styled = traits_.colour && span.style != Style::kPlain && !clean.empty();
    if (styled) text += escape(span.style);
    text += clean;
    if (styled) text += kUnstyled;
  }
  return text;
}

/// Takes the live lines away. A window that became narrower has broken them over more rows than there were lines.
std::string Screen::wipe() const {
  if (drawn_.empty()) return {};
  const auto width = static_cast<size_t>(std::max(width_(), 1));
  size_t rows = 0;
  for (const size_t one : drawn_columns_) rows += std::max<size_t>(1, (one + width - 1) / width);
  // ECMA-48: carriage return, "cursor up", then "erase in page" to its end.
  return rows <= 1 ? std::string(kWipe) : fmt::format("\r\x1b[{}A\x1b[J", rows - 1);
}

void Screen::line(const Line& line) {
  const std::scoped_lock lock(mutex_);
  // In one write, so that the live lines do not flicker.
  write_(wipe() + rendered(line, kNoLimit) + "\n" + drawn_);
}

void Screen::text(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  std::string clean = printable(text);
  if (!clean.ends_with('\n')) clean += '\n';
  write_(wipe() + clean + drawn_);
}

size_t Screen::live_rows() const { return static_cast<size_t>(std::clamp(height_() / 2, 1, 12)); }

void Screen::live(const std::vector<Line>& lines) {
  if (!traits_.live) return;
  const std::scoped_lock lock(mutex_);
  // The last column stays free: writing into it wraps on some terminals, and the wrapped half is never wiped.
  const auto limit = static_cast<size_t>(std::max(width_(), 2) - 1);
  std::string text;
  std::vector<size_t> seen;
  for (const Line& line : lines) {
    text += (seen.empty() ? "" : "\n") + rendered(line, limit);
    size_t used = 0;
    for (const Span& span : line) used += columns(flat(span.text));
    seen.push_back(std::min(used, limit));
  }
  if (text == drawn_) return;
  const std::string wiped = drawn_.empty() ? std::string(kWipe) : wipe();
  drawn_ = std::move(text);
  drawn_columns_ = std::move(seen);
  write_(wiped + drawn_);
}

void Screen::clear_live() {
  const std::scoped_lock lock(mutex_);
  if (drawn_.empty()) return;
  const std::string wiped = wipe();
  drawn_.clear();
  drawn_columns_.clear();
  write_(wiped);
}

}  // namespace holdfast::reports
