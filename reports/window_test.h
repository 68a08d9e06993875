// What stands in a terminal's window? A pseudo-terminal, and a small terminal at its other end.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/fd.h"

namespace holdfast::reports::sample {

/// Follows what a program writes to a terminal: line feed, carriage return, cursor up, erase in line and in page, and
/// colours. A window that is resized breaks its lines anew, as terminals of today do. Not more than Screen uses.
class Window {
 public:
  explicit Window(size_t width, int height = 24) : width_(width) {
    winsize size = size_of(width, height);
    int outer = -1;
    int inner = -1;
    if (::openpty(&outer, &inner, nullptr, nullptr, &size) != 0) std::abort();
    outer_ = Fd(outer);
    inner_ = Fd(inner);
    ::fcntl(outer, F_SETFL, O_NONBLOCK);
  }

  /// Where the program writes to.
  int fd() const { return inner_.get(); }

  void resize(size_t width, int height = 24) {
    drain();
    const winsize size = size_of(width, height);
    ::ioctl(inner_.get(), TIOCSWINSZ, &size);
    // Lines as they were written; the cursor stays behind the same character.
    std::vector<Row> wrapped;
    size_t line = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (i == 0 || !rows_[i].goes_on) wrapped.push_back({});
      if (i == row_) line = wrapped.size() - 1;
      if (i == row_) column_ += wrapped.back().text.size();
      wrapped.back().text += rows_[i].text;
    }
    rows_.clear();
    width_ = width;
    for (size_t i = 0; i < wrapped.size(); ++i) {
      const std::u32string& text = wrapped[i].text;
      const size_t first = rows_.size();
      for (size_t at = 0; at == 0 || at < text.size(); at += width) rows_.push_back({text.substr(at, width), at > 0});
      if (i != line) continue;
      row_ = std::min(first + column_ / width, rows_.size() - 1);
      column_ -= (row_ - first) * width;
    }
  }

  /// Takes in what was written until now. To be called often: a pseudo-terminal holds a few thousand bytes.
  void drain() {
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(outer_.get(), bytes, sizeof bytes)) > 0;) {
      raw_.append(bytes, static_cast<size_t>(got));
    }
    for (; at_ < raw_.size(); ++at_) put(raw_[at_]);
  }

  /// The rows that are not empty, from the first that was written on.
  std::vector<std::string> rows() {
    drain();
    std::vector<std::string> rows;
    for (const Row& row : rows_) {
      std::string text;
      for (const char32_t c : row.text) text += c < 0x80 ? static_cast<char>(c) : '~';
      text.erase(text.find_last_not_of(' ') + 1);
      rows.push_back(text);
    }
    while (!rows.empty() && rows.back().empty()) rows.pop_back();
    return rows;
  }
  /// Each byte that was written.
  const std::string& raw() {
    drain();
    return raw_;
  }

 private:
  struct Row {
    std::u32string text;
    bool goes_on = false;  ///< the line of the row above does not end there
  };

  static winsize size_of(size_t width, int height) {
    winsize size = {};
    size.ws_col = static_cast<unsigned short>(width);
    size.ws_row = static_cast<unsigned short>(height);
    return size;
  }

  void put(char c) {
    if (!escape_.empty()) return put_escape(c);
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\x1b') {
      escape_ = c;
    } else if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      if (++row_ == rows_.size()) rows_.emplace_back();
    } else if ((byte & 0xC0U) != 0x80) {  // of a character of several bytes only the first takes room
      if (column_ == width_) {
        column_ = 0;
        ++row_;
        if (row_ == rows_.size()) rows_.emplace_back();
        rows_[row_].goes_on = true;
      }
      std::u32string& text = rows_[row_].text;
      text.resize(std::max(text.size(), column_ + 1), U' ');
      text[column_++] = byte < 0x80 ? byte : U'~';
    }
  }

  void put_escape(char c) {
    escape_ += c;
    if (c == '[' || (c >= '0' && c <= '9') || c == ';') return;
    const size_t number = std::max<size_t>(1, std::strtoul(escape_.c_str() + 2, nullptr, 10));
    if (c == 'A') {
      EXPECT_GE(row_, number) << "beyond the top";
      row_ -= std::min(row_, number);
    } else if (c == 'J') {
      rows_.resize(row_ + 1);
      rows_[row_].text.resize(std::min(rows_[row_].text.size(), column_));
    } else if (c == 'K') {
      rows_[row_].text.clear();
    } else {
      EXPECT_EQ(c, 'm') << "an escape that no screen should use";
    }
    escape_.clear();
  }

  size_t width_;
  Fd outer_;
  Fd inner_;
  std::string raw_;
  size_t at_ = 0;  ///< so much of it was taken in
  std::string escape_;
  std::vector<Row> rows_{{}};
  size_t row_ = 0;
  size_t column_ = 0;
};

}  // namespace holdfast::reports::sample
