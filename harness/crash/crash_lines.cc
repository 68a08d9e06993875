// Which messages are in these console bytes?
#include "harness/crash/crash_lines.h"

#include <algorithm>
#include <cstring>

#include "harness/base/text.h"

namespace holdfast::crash {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Length of printk's "[   12.345678]" that `text` begins with, or 0. Source: print_time() in kernel/printk/printk.c.
size_t stamp_length(std::string_view text) {
  if (text.empty() || text.front() != '[') return 0;
  size_t i = 1;
  while (i < text.size() && i < 16 && text[i] == ' ') ++i;
  const size_t seconds = i;
  while (i < text.size() && i < 24 && digit(text[i])) ++i;
  if (i == seconds || i + 8 > text.size() || text[i] != '.' || text[i + 7] != ']') return 0;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     text.begin() + static_cast<std::ptrdiff_t>(i) + 7, digit)
             ? i + 8
             : 0;
}

/// Length of "[    T1]" or "[   C0]", or 0; `caller` becomes what is in it. Source: print_caller() in printk.c.
size_t caller_length(std::string_view text, std::string_view& caller) {
  if (text.empty() || text.front() != '[') return 0;
  size_t i = 1;
  while (i < text.size() && i < 8 && text[i] == ' ') ++i;
  const size_t begin = i;
  if (i >= text.size() || (text[i] != 'T' && text[i] != 'C')) return 0;
  ++i;
  while (i < text.size() && i < 20 && digit(text[i])) ++i;
  if (i == begin + 1 || i >= text.size() || text[i] != ']') return 0;
  caller = text.substr(begin, i - begin);
  return i + 1;
}

/// Length of "6,1234,5678901,-,caller=T1;", the prefix of a record read from /dev/kmsg, or 0. Source:
/// Documentation/ABI/testing/dev-kmsg.
size_t record_length(std::string_view text, std::string_view& caller) {
  if (text.empty() || !digit(text.front())) return 0;
  size_t i = 0;
  for (int number = 0; number < 3; ++number) {
    const size_t begin = i;
    while (i < text.size() && i < 48 && digit(text[i])) ++i;
    if (i == begin || i >= text.size() || text[i] != ',') return 0;
    ++i;
  }
  const size_t end = text.substr(0, 128).find(';', i);
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view kCaller = ",caller=";
  const size_t at = text.substr(0, end).find(kCaller, i);
  if (at != std::string_view::npos) caller = text.substr(at + kCaller.size(), end - at - kCaller.size());
  return end + 1;
}

/// Bytes of the escape sequence that begins at text[0], which is ESC. Source: ECMA-48 5.4; a sequence that does not end
/// within 32 bytes is taken for two stray bytes, so that a lone ESC [ swallows no message.
size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  if (text[1] == '[') {
    for (size_t i = 2; i < std::min<size_t>(text.size(), 32); ++i) {
      if (text[i] >= 0x40 && text[i] <= 0x7e) return i + 1;
    }
    return 2;
  }
  if (text[1] == ']') {  // a title: up to BEL or ESC backslash
    for (size_t i = 2; i < std::min<size_t>(text.size(), 128); ++i) {
      if (text[i] == '\a') return i + 1;
      if (text[i] == '\x1b') return std::min(i + 2, text.size());
    }
    return 2;
  }
  if (std::strchr("()#%", text[1]) != nullptr) return std::min<size_t>(3, text.size());
  return 2;
}

bool control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

/// The bytes up to the end of the line or to the next time stamp in it; at_ moves behind them.
std::string_view LineReader::piece() {
  if (at_ >= newline_) {
    const size_t newline = log_.find('\n', at_);
    newline_ = newline == std::string_view::npos ? log_.size() : newline + 1;
  }
  if (at_ >= line_end_) {
    // A carriage return ends a line too: a progress bar must not hide what follows it.
    const size_t back = log_.substr(0, newline_).find('\r', at_);
    line_end_ = back == std::string_view::npos ? newline_ : back + 1;
  }
  const std::string_view rest = log_.substr(at_, line_end_ - at_);
  const auto level_at = [&](size_t i) {
    return i + 2 < rest.size() && rest[i] == '<' && digit(rest[i + 1]) && rest[i + 2] == '>';
  };
  const size_t own = level_at(0) ? 3 : 0;
  size_t end = rest.find('[', own + 1);
  while (end != std::string_view::npos && stamp_length(rest.substr(end)) == 0) end = rest.find('[', end + 1);
  if (end != std::string_view::npos && end >= own + 3 && level_at(end - 3))
    end -= 3;  // "<4>" belongs to its time stamp
  const std::string_view piece = rest.substr(0, end);
  at_ += piece.size();
  return piece;
}

std::string_view LineReader::clean(std::string_view raw) {
  while (!raw.empty() && (raw.back() == '\n' || raw.back() == '\r')) raw.remove_suffix(1);
  raw = raw.substr(0, kLongest);
  const auto first = std::ranges::find_if(raw, control);
  if (first == raw.end()) return raw;
  size_t size = static_cast<size_t>(first - raw.begin());
  std::copy(raw.begin(), first, buffer_.begin());
  for (size_t i = size; i < raw.size();) {
    if (raw[i] == '\x1b') {
      i += escape_length(raw.substr(i));
    } else {
      if (!control(raw[i])) buffer_[size++] = raw[i];
      ++i;
    }
  }
  return {buffer_.data(), size};
}

bool LineReader::next(LogLine& line) {
  while (at_ < log_.size()) {
    line = {.text = {}, .caller = {}, .stamped = false, .time = {}, .offset = base_ + at_};
    std::string_view text = clean(piece());
    if (const size_t record = record_length(text, line.caller); record != 0) {
      line.stamped = true;
      text.remove_prefix(record);
    }
    if (text.size() > 3 && text[0] == '<' && digit(text[1]) && text[2] == '>') text.remove_prefix(3);
    size_t prefix = stamp_length(text);
    if (prefix != 0) {
      line.stamped = true;
      line.time = trim(text.substr(1, prefix - 2));
      prefix += caller_length(text.substr(prefix), line.caller);
    } else {
      prefix = caller_length(text, line.caller);
    }
    text.remove_prefix(prefix);
    if (prefix != 0 && text.starts_with(' ')) text.remove_prefix(1);
    if (text.find_first_not_of(" \t") == std::string_view::npos) continue;
    line.text = text;
    return true;
  }
  return false;
}

}  // namespace holdfast::crash
