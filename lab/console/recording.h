// What has a console said so far?
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/target.h"

namespace holdfast::lab {

/// Where a console is recorded.
struct ConsoleLogs {
  std::filesystem::path attempt;   ///< every byte as it came; created or truncated
  std::filesystem::path target;    ///< whole lines with time and `prefix`, appended; empty: none. Others may append too
  std::string prefix;              ///< before each line of `target`; may be empty
  size_t keep = size_t{16} << 20;  ///< bytes kept in memory; older ones are read back from `attempt`
};

/// The bytes of one console: on disk, and the newest in memory too, so that a machine that floods its console costs
/// disk, not memory. One thread feeds it; everything else may be called by any.
class Recording {
 public:
  static Result<std::unique_ptr<Recording>> create(const ConsoleLogs& logs);

  /// From now on more may come.
  void begin();
  /// Nothing more comes for now: waits for text end at once. Writes out a line that was begun.
  void end();
  void take(std::string_view bytes);
  /// Writes out a line that was begun: its rest may never come.
  void end_line();
  /// A line of the harness's own, in the log of lines only.
  void remark(std::string_view text);
  /// Waits until end(), for at most `span`.
  void wait_for_end(Millis span) const;

  /// What kept bytes from being written to disk, if anything did.
  std::optional<Error> trouble() const;
  Console::Mark mark() const;
  /// See Console::came_at().
  std::optional<Deadline::Clock::time_point> came_at(Console::Mark position) const;
  /// At most the last 64 MiB of the range.
  std::string slice(Console::Mark from, Console::Mark to) const;
  /// Errors: lab.timeout, lab.console-ended (nothing more will come), harness.stopped.
  Result<Console::Mark> expect(std::string_view text, Console::Mark from, const Deadline& deadline) const;

 private:
  using Mark = Console::Mark;
  Recording(const ConsoleLogs& logs, Fd attempt, Fd target);
  void append_lines(std::string_view bytes);
  void write_line(std::string_view before, std::string_view line);
  void note_trouble(Error error);
  std::string range(Mark from, Mark to) const;
  void note_arrival();

  const ConsoleLogs logs_;
  const Fd attempt_;
  const Fd target_;
  std::string line_;  ///< the feeding thread's own: a line begun

  mutable std::mutex mutex_;  ///< guards what follows
  mutable std::condition_variable came_;
  std::string tail_;      ///< the newest bytes
  Mark tail_begins_ = 0;  ///< where they stand in all that came
  /// Bytes that came within a millisecond. Kept for the newest ones only: a console that floods costs no memory.
  struct Arrival {
    Mark end;  ///< behind the last of them
    Deadline::Clock::time_point at;
  };
  std::deque<Arrival> arrivals_;
  Mark arrivals_begin_ = 0;  ///< what came before this has no time any more
  bool more_may_come_ = false;
  std::optional<Error> trouble_;
};

}  // namespace holdfast::lab
