// Small questions about text: pieces, closeness, safe printing.
#include "harness/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <numeric>
#include <utility>

namespace holdfast {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string join_words(std::vector<std::string> words) {
  std::erase(words, "");
  return join(words, " ");
}

std::optional<uint64_t> parse_u64(std::string_view text, int base) {
  if (base == 16 && (text.starts_with("0x") || text.starts_with("0X"))) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

namespace {

/// Levenshtein distance with a row of the matrix at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({change, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    size_t distance = edit_distance(word, candidate);
    // Somebody who types a part of a long name means that name.
    if (word.size() >= 3 && candidate.find(word) != std::string::npos) distance = std::min<size_t>(distance, 2);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  // Two cursors; on a mismatch go back to the last star and let it take one character more.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string shell_quote(std::string_view word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string shell_quote(const std::vector<std::string>& argv) {
  std::vector<std::string> quoted;
  for (const std::string& word : argv) quoted.push_back(shell_quote(word));
  return join(quoted, " ");
}

std::string errno_name(int errnum) {
  const char* name = ::strerrorname_np(errnum);
  return name != nullptr ? name : fmt::format("errno {}", errnum);
}

namespace {

/// Length of the well-formed UTF-8 sequence that `text` begins with, or 0. No surrogates, nothing over U+10FFFF, no
/// overlong forms (Unicode 15, table 3-7), and not the two code points that XML 1.0 leaves out: U+FFFE, U+FFFF. Nor
/// those that make a reader see another text than is there: line separators, and what turns the direction of what
/// follows (Unicode Technical Report 36, section 2.8): U+2028..202E, U+2066..2069.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1, lead == 0xC2 ? 0xA0 : 0x80) ? 2 : 0;  // C2 80..9F: C1 controls
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    if (!tail(1, low, high) || !tail(2)) return 0;
    if (lead == 0xE2 && byte(1) == 0x80 && tail(2, 0xA8, 0xAE)) return 0;
    if (lead == 0xE2 && byte(1) == 0x81 && tail(2, 0xA6, 0xA9)) return 0;
    return lead == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string clean;
  clean.reserve(bytes.size());
  while (!bytes.empty()) {
    // Nearly all text is plain: it goes over in one piece.
    const auto plain = std::ranges::find_if_not(bytes, [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; });
    if (plain != bytes.begin()) {
      const auto run = static_cast<size_t>(plain - bytes.begin());
      clean += bytes.substr(0, run);
      bytes.remove_prefix(run);
      continue;
    }
    const auto c = static_cast<unsigned char>(bytes.front());
    size_t length = utf8_length(bytes);
    if (c == '\r' && bytes.size() > 1 && bytes[1] == '\n') {
      length = 1;  // dropped: the LF follows by itself
    } else if (length == 0 || (length == 1 && ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F))) {
      clean += fmt::format("\\x{:02x}", c);
      length = 1;
    } else {
      clean += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return clean;
}

std::string_view last_lines(std::string_view text, size_t count) {
  if (count == 0) return {};
  size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
  for (size_t line = 0; line < count; ++line) {
    if (at == 0) return text;
    const size_t newline = text.rfind('\n', at - 1);
    if (newline == std::string_view::npos) return text;
    at = newline;
  }
  return text.substr(at + 1);
}

}  // namespace holdfast
