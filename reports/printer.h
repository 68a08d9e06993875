// How do verbs show errors, tables and the progress of long work?
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "reports/screen.h"

namespace holdfast::reports {

/// An error in the house form, each line without its newline: what was attempted and what came of it, what to do about
/// it, and what it rests on.
///
///   error: open /x: Permission denied (EACCES)
///     try: run it as root, or ...
///     console:
///     | last line
std::vector<Line> error_lines(const Error& error);

/// Shows an error on `screen`.
void print_error(Screen& screen, const Error& error);

/// `text` in pieces of at most `limit` columns, broken at spaces where there are some.
std::vector<std::string> wrapped(std::string_view text, size_t limit);
/// `cell` with spaces behind it, `to` columns wide; as it is when it is wider.
std::string padded(const std::string& cell, size_t to);

/// Rows of cells as aligned columns, two spaces apart; the first row is the heading. When a line would be longer than
/// `width` (0: any length is fine), its last cell goes on beneath itself.
std::vector<Line> table_lines(const std::vector<std::vector<std::string>>& rows, int width);

void print_table(Screen& screen, const std::vector<std::vector<std::string>>& rows);

/// Long work whose state changes often: a live line on a terminal, elsewhere a plain line now and then.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  /// `what` begins each line: "kernel build". On a screen that is not live a line comes at most every `plain_every`.
  Progress(Screen& screen, std::string what, Clock::duration plain_every = std::chrono::seconds(10));
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Wipes the live line.
  ~Progress();

  /// Says how far it is: "1201 of 2400 objects". Cheap enough to be called for every line of a build's output.
  void update(std::string_view state);
  /// A line that stays, with the time it all took.
  void done(std::string_view result);

 private:
  Screen& screen_;
  std::string what_;
  Clock::duration plain_every_;
  Clock::time_point begun_;
  Clock::time_point next_;
};

}  // namespace holdfast::reports
